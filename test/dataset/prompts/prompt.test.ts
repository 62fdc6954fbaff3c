import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, test } from 'vitest';
import type { Turn } from '../../../dataset/forms/conversation.ts';
import { createPromptEncoder } from '../../../dataset/prompts/prompt.ts';
import type { EncodedPrompt, PromptOptions } from '../../../dataset/prompts/prompt.ts';
import { vicunaWriter } from '../../../dataset/prompts/prompt-text.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';
import { readTokenizer } from '../../../dataset/prompts/tokenizer.ts';
import { goldenIntegers, goldenRows } from '../../model/golden.ts';
import type { GoldenRow } from '../../model/golden.ts';
import { MODEL, OPTIONS, dialogue, encode } from './encode.ts';

/** As LLaVA reads a row: a turn with a picture begins with the placeholder and a line break. */
function turnsOf({ conversations }: GoldenRow): Turn[] {
  return conversations.map(({ from, value }) => ({
    role: from,
    value: value.includes('<image>') ? `<image>\n${value.replace('<image>', '').trim()}` : value,
  }));
}

const imageCount = (row: GoldenRow): number => (row.image === undefined ? 0 : 1);

async function readDecoder(folder: string): Promise<{ decode(ids: Int32Array): string }> {
  const read = async (name: string) => JSON.parse(await readFile(join(folder, name), 'utf8')) as object;
  const tokenizer = new Tokenizer(await read('tokenizer.json'), await read('tokenizer_config.json'));
  return { decode: (ids) => tokenizer.decode([...ids], { skip_special_tokens: true }) };
}

describe('the golden rows', () => {
  test.each(goldenRows.map((row) => [row.id, row] as const))(
    '%s, joined in pieces, has the ids and labels of transformers',
    async (id, row) => {
      const encoded = await encode(turnsOf(row), imageCount(row), { joining: 'pieces' });
      expect(encoded.ids).toEqual(goldenIntegers(`${id}.input_ids`));
      expect(encoded.labels).toEqual(goldenIntegers(`${id}.labels`));
      expect(encoded.imageTokenCount).toBe(16 * imageCount(row));
      expect(encoded.supervisedTokenCount).toBe(encoded.labels.filter((label) => label !== -100).length);
      expect(encoded.truncated).toBe(false);
    },
  );

  test('have every label where the id is, or none', async () => {
    for (const row of goldenRows) {
      const { ids, labels } = await encode(turnsOf(row), imageCount(row));
      expect(labels.filter((label, token) => label !== -100 && label !== ids[token])).toHaveLength(0);
    }
  });
});

describe('joining', () => {
  test('as a whole and in pieces gives other ids in the one golden row whose answer merges with the space before it', async () => {
    const different: string[] = [];
    for (const row of goldenRows) {
      const [whole, pieces] = [
        await encode(turnsOf(row), imageCount(row)),
        await encode(turnsOf(row), imageCount(row), { joining: 'pieces' }),
      ];
      if (whole.ids.join() !== pieces.ids.join()) different.push(row.id);
    }
    expect(different).toEqual(['ex-011']);
  });

  test('as a whole gives the ids of the joined text and supervises each answer with its space and end token', async () => {
    const turns = dialogue('What is it?', 'A cat.', 'Is it hot?', 'Yes.');
    const tokenizer = await readTokenizer(MODEL);
    const texts = vicunaWriter()(turns).pieces.map(({ text }) => text);
    expect(texts.join('')).toBe(
      'A chat between a curious user and an artificial intelligence assistant. ' +
        "The assistant gives helpful, detailed, and polite answers to the user's questions. " +
        'USER: What is it? ASSISTANT: A cat.</s>USER: Is it hot? ASSISTANT: Yes.</s>',
    );
    const { ids, labels } = await encode(turns, 0);
    expect([...ids]).toEqual([1, ...tokenizer.encode(texts.join('')).ids]);
    const answers = [...tokenizer.encode(' A cat.</s>').ids, ...tokenizer.encode(' Yes.</s>').ids];
    expect([...labels].filter((label) => label !== -100)).toEqual(answers);
    expect(answers.filter((id) => id === 2)).toHaveLength(2);
  });
});

describe('templates', () => {
  test('the chat template of the golden folder gives the ids and labels of vicuna_v1', async () => {
    for (const row of goldenRows) {
      const vicuna = await encode(turnsOf(row), imageCount(row));
      expect(await encode(turnsOf(row), imageCount(row), { template: 'chat_template' }), row.id).toEqual(vicuna);
      expect(await encode(turnsOf(row), imageCount(row), { template: 'auto' }), row.id).toEqual(vicuna);
    }
  });
});

describe('a system text', () => {
  const told: Turn[] = [{ role: 'system', value: 'Be brief.' }, ...dialogue('Who?', 'Me', 'Why?', 'So')];

  test('takes the place of the usual one', () => {
    const usual = vicunaWriter()(told.slice(1)).pieces;
    const pieces = vicunaWriter()(told).pieces;
    expect(pieces[0]).toEqual({ text: 'Be brief. USER: Who? ASSISTANT:', supervised: false });
    expect(pieces.slice(1)).toEqual(usual.slice(1));
  });

  test('is a message of the chat template, or sets the row aside where the template refuses it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tive-system-'));
    try {
      await cp(MODEL, folder, { recursive: true });
      const withTemplate = async (template: string) => {
        await writeFile(join(folder, 'chat_template.jinja'), template);
        return createPromptEncoder({ ...OPTIONS, modelFolder: folder, template: 'chat_template' });
      };
      const plain = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}";
      const { decode } = await readDecoder(folder);
      const encoded = (await withTemplate(plain)).encode(told, 0) as EncodedPrompt;
      expect(decode(encoded.ids)).toContain('system: Be brief.');
      const refusing = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + plain;
      const encoder = await withTemplate(refusing);
      expect(encoder.encode(told, 0)).toEqual({
        reason: 'role_unknown',
        detail: "chat_template must take the row's roles, got: no system",
      });
      expect(isRejection(encoder.encode(told.slice(1), 0))).toBe(false);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('rows that cannot be used get a reason', () => {
  const encodeRow = async (turns: Turn[], images: number, change: Partial<PromptOptions> = {}): Promise<unknown> =>
    (await createPromptEncoder({ ...OPTIONS, ...change })).encode(turns, images);

  test('where placeholders and images differ in number', async () => {
    const detail = (placeholders: number, images: number): string =>
      `<image> count must equal images, got ${placeholders} and ${images}`;
    expect(await encodeRow(dialogue('<image>\nWhat?', 'A cat.'), 0)).toEqual({
      reason: 'image_count_mismatch',
      detail: detail(1, 0),
    });
    expect(await encodeRow(dialogue('<image><image>', '<image>'), 2)).toEqual({
      reason: 'image_count_mismatch',
      detail: detail(3, 2),
    });
  });

  test.each(['</s>', '<s>', '<pad>', '<unk>', ' ASSISTANT: '])('where a turn contains %j', async (text) => {
    expect(await encodeRow(dialogue('What?', `A${text}cat.`), 0)).toEqual({
      reason: 'reserved_text',
      detail: `turn 1: value must not contain ${JSON.stringify(text)}, which separates turns`,
    });
  });

  test('where the longest length ends before the first answer', async () => {
    const { labels } = await encode(dialogue('What?', 'A cat.'), 0);
    const first = labels.findIndex((label) => label !== -100);
    const detail = `an answer token must lie within cutoff_len ${first}, got the first at ${first}; raise cutoff_len`;
    expect(await encodeRow(dialogue('What?', 'A cat.'), 0, { cutoffLen: first })).toEqual({
      reason: 'no_supervised_tokens',
      detail,
    });
    expect(await encode(dialogue('What?', 'A cat.'), 0, { cutoffLen: first + 1 })).toMatchObject({
      supervisedTokenCount: 1,
      truncated: true,
    });
  });

  test('where the longest length cuts a picture', async () => {
    const turns = dialogue('What?', 'A cat.', 'And here?\n<image>', 'A cat.');
    const { ids } = await encode(turns, 1);
    const last = ids.lastIndexOf(4);
    const detail = `pictures must lie within cutoff_len ${last}, got 1 image tokens behind it; raise cutoff_len`;
    expect(await encodeRow(turns, 1, { cutoffLen: last })).toEqual({ reason: 'image_cut_off', detail });
    expect(await encode(turns, 1, { cutoffLen: last + 1 })).toMatchObject({ imageTokenCount: 16, truncated: true });
  });

  test('of no length to spare are kept whole', async () => {
    const whole = await encode(dialogue('What?', 'A cat.'), 0);
    expect(await encode(dialogue('What?', 'A cat.'), 0, { cutoffLen: whole.ids.length })).toEqual(whole);
  });
});
