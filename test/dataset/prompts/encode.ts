import type { Turn } from '../../../dataset/forms/conversation.ts';
import { createPromptEncoder } from '../../../dataset/prompts/prompt.ts';
import type { EncodedPrompt, PromptOptions } from '../../../dataset/prompts/prompt.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';

/** The tiny golden model's folder. */
export const MODEL = 'test/golden/tiny-llava/model';

/** Of its prompts. */
export const OPTIONS: PromptOptions = {
  modelFolder: MODEL,
  template: 'vicuna_v1',
  imageTokenCount: 16,
  imageTokenId: 4,
  vocabularySize: 420,
  cutoffLen: 2048,
};

/** Of turns that can be used. */
export async function encode(
  turns: Turn[],
  images: number,
  change: Partial<PromptOptions> = {},
): Promise<EncodedPrompt> {
  const encoded = (await createPromptEncoder({ ...OPTIONS, ...change })).encode(turns, images);
  if (isRejection(encoded)) throw new Error(`${encoded.reason}: ${encoded.detail}`);
  return encoded;
}

/** A question, its answer, and so on. */
export const dialogue = (...values: string[]): Turn[] =>
  values.map((value, index) => ({ role: index % 2 === 0 ? 'human' : 'gpt', value }));
