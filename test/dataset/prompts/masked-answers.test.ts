import { expect, test } from 'vitest';
import type { Turn } from '../../../dataset/forms/conversation.ts';
import { createPromptEncoder } from '../../../dataset/prompts/prompt.ts';
import type { EncodedPrompt, PromptOptions } from '../../../dataset/prompts/prompt.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';

async function encode(turns: Turn[], template: PromptOptions['template']): Promise<EncodedPrompt> {
  const encoder = await createPromptEncoder({
    modelFolder: 'test/golden/tiny-llava/model',
    template,
    imageTokenCount: 16,
    imageTokenId: 4,
    vocabularySize: 420,
    cutoffLen: 2048,
  });
  const encoded = encoder.encode(turns, 0);
  if (isRejection(encoded)) throw new Error(`${encoded.reason}: ${encoded.detail}`);
  return encoded;
}

test.each(['vicuna_v1', 'chat_template'] as const)(
  'an answer that is out of the loss has no label under %s, all else is as it was',
  async (template) => {
    const turns: Turn[] = [
      { role: 'human', value: 'What is it?' },
      { role: 'gpt', value: 'A cat.' },
      { role: 'human', value: 'And?' },
      { role: 'gpt', value: 'A dog.' },
    ];
    const whole = await encode(turns, template);
    const first = await encode(turns.slice(0, 2), template);
    const masked = await encode(turns.with(1, { ...turns[1]!, masked: true }), template);
    expect(masked.ids).toEqual(whole.ids);
    const own = first.ids.length;
    expect(masked.labels.subarray(0, own).every((label) => label === -100)).toBe(true);
    expect(masked.labels.subarray(own)).toEqual(whole.labels.subarray(own));
    expect(masked.supervisedTokenCount).toBe(whole.supervisedTokenCount - first.supervisedTokenCount);
  },
);
