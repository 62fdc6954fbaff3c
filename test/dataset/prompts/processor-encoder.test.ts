import { beforeEach, describe, expect, test } from 'vitest';
import type { ClipKind } from '../../../contracts/clips.ts';
import type { Turn } from '../../../dataset/forms/conversation.ts';
import { createProcessorEncoder } from '../../../dataset/prompts/processor-encoder.ts';
import type { ProcessorEncoder, ProcessorTexts, SizedText } from '../../../dataset/prompts/processor-encoder.ts';
import type { EncodedPrompt, PromptRow } from '../../../dataset/prompts/prompt.ts';

/** Writes parts as Qwen's template does, with the picture's own token within its frame. */
const TEMPLATE =
  "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}{% if c['type'] == 'image' %}" +
  "<|start|><|pad|><|end|>{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}" +
  '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';

const TEXTS: ProcessorTexts = {
  chatTemplate: TEMPLATE,
  eosToken: '<|im_end|>',
  namedTokens: {},
  reservedTexts: ['<|im_start|>', '<|im_end|>', '<|start|>', '<|end|>'],
  imageToken: '<|pad|>',
  videoToken: null,
  audioToken: null,
};

const dialogue = (question: string, answer: string): Turn[] => [
  { role: 'human', value: question },
  { role: 'gpt', value: answer },
];

const rowOf = (turns: Turn[], ...sizes: { width: number; height: number }[]): PromptRow => ({
  turns,
  imageCount: sizes.length,
  imageSizes: () => Promise.resolve(sizes),
});

/** As many tokens as the text has characters, and pictures have pixels. */
function count({ pieces, pictures }: SizedText): EncodedPrompt {
  const pixels = pictures.reduce((sum, { width, height }) => sum + width * height, 0);
  const length = pieces.reduce((sum, { text }) => sum + text.length, pixels);
  const ids = new Int32Array(length);
  return { ids, labels: ids, imageTokenCount: pixels, supervisedTokenCount: 1, truncated: false };
}

let asked: SizedText[];
beforeEach(() => {
  asked = [];
});

function encoderWith(changed: Partial<ProcessorTexts> = {}): ProcessorEncoder {
  return createProcessorEncoder({
    template: 'auto',
    texts: { ...TEXTS, ...changed },
    process: (rows) => {
      asked.push(...rows);
      return Promise.resolve(rows.map(count));
    },
  });
}

/** The text of a dialogue with a picture. */
function written(encoder: ReturnType<typeof createProcessorEncoder>, turns: ReturnType<typeof dialogue>): unknown {
  return encoder.writeAll([{ turns, imageCount: 1 }])[0];
}

describe('a dialogue for the model’s own processor', () => {
  test('is its template’s text, pictures as the model’s own token, answers marked to their end token', () => {
    expect(written(encoderWith(), dialogue('<image>What?', 'A cat.'))).toEqual([
      { text: '<|im_start|>user\n<|start|><|pad|><|end|>What?<|im_end|>\n<|im_start|>assistant\n', supervised: false },
      { text: 'A cat.<|im_end|>', supervised: true },
      { text: '\n', supervised: false },
    ]);
  });

  test('has what a template writes beside a picture, also one that takes texts', () => {
    const chatTemplate = TEMPLATE.replace(
      "{% for c in m['content'] %}",
      "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}",
    ).replace('{% endif %}{% endfor %}<|im_end|>', '{% endif %}{% endfor %}{% endif %}<|im_end|>');
    const turns = dialogue('<image>What?', 'A cat.');
    expect(written(encoderWith({ chatTemplate }), turns)).toEqual(written(encoderWith(), turns));
  });

  test('has clips as parts of their kind, where it has clips; else their placeholders are text', () => {
    const chatTemplate = TEMPLATE.replace(
      "{% if c['type'] == 'image' %}",
      "{% if c['type'] == 'audio' %}<|ear|>{% elif c['type'] == 'image' %}",
    );
    for (const imageToken of ['<|pad|>', null]) {
      const encoder = encoderWith({ chatTemplate, imageToken, audioToken: '<|ear|>' });
      const textOf = (question: string, kinds: ClipKind[]): string =>
        (encoder.writeAll([{ turns: dialogue(question, 'Yes.'), imageCount: 0, kinds }])[0] as { text: string }[])[0]!
          .text;
      expect(textOf('<audio>What?', ['audio'])).toContain('user\n<|ear|>What?');
      expect(textOf('<audio>What?', [])).toContain('user\n<audio>What?');
    }
  });

  test('has the model’s own token too under a template that knows no pictures', () => {
    const encoder = createProcessorEncoder({
      template: 'vicuna_v1',
      texts: { ...TEXTS, reservedTexts: ['</s>'] },
      process: () => Promise.resolve([]),
    });
    const [question] = written(encoder, dialogue('<image>\nWhat?', 'A cat.')) as { text: string }[];
    expect(question!.text).toMatch(/USER: <\|pad\|>\nWhat\? ASSISTANT:$/);
  });

  test('goes to the processor with the sizes of its pictures; what cannot be used stays in its place', async () => {
    const missing = { reason: 'image_missing' as const, detail: 'image must exist, got none.png' };
    const encoded = await encoderWith().encodeAll([
      rowOf(dialogue('<image>What?', 'A cat.'), { width: 3, height: 2 }),
      { ...rowOf(dialogue('<image>What?', 'A dog.'), { width: 1, height: 1 }), imageSizes: async () => missing },
      rowOf(dialogue('Say <|im_end|>', 'No.')),
      rowOf(dialogue('Who?', 'She.')),
    ]);
    expect(asked.map(({ pictures }) => pictures)).toEqual([[{ width: 3, height: 2 }], []]);
    expect(encoded).toEqual([
      expect.objectContaining({ imageTokenCount: 6 }),
      missing,
      expect.objectContaining({ reason: 'reserved_text' }),
      expect.objectContaining({ imageTokenCount: 0 }),
    ]);
  });

  test('has no pictures for a model of text', () => {
    expect(written(encoderWith({ imageToken: null }), dialogue('<image>What?', 'A cat.'))).toEqual({
      reason: 'too_many_images',
      detail: 'a row must have no images for a model of text, got 1',
    });
  });
});
