import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { TextEncoder } from '../../../dataset/prompts/prompt.ts';
import { contentHash } from '../../../dataset/rows/content-hash.ts';
import { parseRow } from '../../../dataset/rows/parse-row.ts';
import type { ParsedRow } from '../../../dataset/rows/parse-row.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';
import type { Rejection } from '../../../dataset/rows/row-outcome.ts';
import { chatTemplateWriter } from '../../../dataset/prompts/chat-template.ts';
import { readTokenizer } from '../../../dataset/prompts/tokenizer.ts';
import { toMessages } from '../../../client/export/export-rows.ts';
import { goldenEncoder } from '../small-folder.ts';

let encoder: TextEncoder;
beforeAll(async () => {
  encoder = await goldenEncoder();
});

const OPTIONS = { format: 'auto', form: null, taskField: 'dataset', maxImages: 1 } as const;

function read(row: object): ParsedRow | Rejection {
  return parseRow(Buffer.from(JSON.stringify(row)), OPTIONS);
}

function parsed(row: object): ParsedRow {
  const found = read(row);
  if (isRejection(found)) throw new Error(`${found.reason}: ${found.detail}`);
  return found;
}

/** Two questions; the keys are those of the answers. */
const messages = (first: object, second: object = {}): object => ({
  messages: [
    { role: 'user', content: 'Which shape is it?' },
    { role: 'assistant', content: 'I will not tell you.', ...first },
    { role: 'user', content: 'Try again.' },
    { role: 'assistant', content: 'circle.', ...second },
  ],
});

const conversations = (first: object): object => ({
  conversations: [
    { from: 'human', value: 'Which shape is it?' },
    { from: 'gpt', value: 'I will not tell you.', ...first },
    { from: 'human', value: 'Try again.' },
    { from: 'gpt', value: 'circle.' },
  ],
});

const learned = (row: ParsedRow): boolean[] => row.promptTurns.map(({ masked }) => masked !== true);

describe('an answer is given and not learned', () => {
  test.each([
    { loss: false },
    { loss: 0 },
    { loss_scale: 0 },
    { weight: 0 },
    { weight: 0.0, loss: true },
    { train: false },
    { train_on_turn: false },
    { training: false },
  ])('where its turn says %j, in every form', (flags) => {
    for (const row of [messages(flags), conversations(flags), { ...conversations(flags), images: [] }])
      expect(learned(parsed(row))).toEqual([true, false, true, true]);
  });

  test.each([{ loss: true }, { weight: 1 }, { weight: 0.5 }, { loss: null }, { train: true }, { train_detail: [] }])(
    'but not where it says %j',
    (flags) => {
      expect(learned(parsed(messages(flags)))).toEqual([true, true, true, true]);
    },
  );

  test('and a question is never learned, whatever its turn says', () => {
    const row = {
      messages: [
        { role: 'user', content: 'Q?', loss: false },
        { role: 'assistant', content: 'A.' },
      ],
    };
    expect(parsed(row).turns).toEqual([
      { role: 'human', value: 'Q?' },
      { role: 'gpt', value: 'A.' },
    ]);
  });
});

describe('a row is set aside', () => {
  test('where no other answer is left', () => {
    const none = read(messages({ loss: false }, { weight: 0 }));
    expect(none).toMatchObject({
      reason: 'answers_masked',
      detail: 'an answer must count for the loss, got 2 that are left out by loss, weight or train',
    });
  });

  test.each([
    [{ loss: 'no' }, 'turn 1: loss must be true, false or a number from 0, got "no"'],
    [{ weight: -1 }, 'turn 1: weight must be true, false or a number from 0, got -1'],
    [
      { train_detail: [{ begin_offset: 0, end_offset: 3, train: false }] },
      'turn 1: an answer must be learned as a whole or not at all, got train_detail with train: false; split the answer',
    ],
  ])('where %j does not say whether an answer is learned', (flags, detail) => {
    expect(read(messages(flags))).toMatchObject({ reason: 'loss_flag_unclear', detail });
  });
});

describe('a prompt', () => {
  const labelsOf = (row: ParsedRow): { ids: number[]; labels: number[] } => {
    const prompt = encoder.encode(row.promptTurns, 0);
    if (isRejection(prompt)) throw new Error(prompt.detail);
    return { ids: [...prompt.ids], labels: [...prompt.labels] };
  };

  test('has the same ids with a masked answer, and labels at the other one alone', () => {
    const [all, one] = [labelsOf(parsed(messages({}))), labelsOf(parsed(messages({ loss: false })))];
    expect(one.ids).toEqual(all.ids);
    const last = all.labels.lastIndexOf(-100);
    expect(one.labels).toEqual(all.labels.map((label, token) => (token <= last ? -100 : label)));
    expect(all.labels.slice(0, last).some((label) => label !== -100)).toBe(true);
  });

  test('under a template that changes earlier turns ends with the last answer that is learned', async () => {
    const tokenizer = await readTokenizer('test/golden/tiny-llava/model');
    const chatTemplate =
      '{% for m in messages %}[{{ m.role }}{% if loop.last %}!{% endif %}]{{ m.content }}</s>{% endfor %}';
    const write = chatTemplateWriter({ ...tokenizer, chatTemplate });
    const written = write(parsed(messages({}, { loss: false })).promptTurns);
    if (isRejection(written)) throw new Error(written.detail);
    expect(written.lastAnswerOnly).toBe(true);
    expect(written.pieces.filter(({ supervised }) => supervised)).toEqual([
      { text: expect.stringContaining('I will not tell you.') as string, supervised: true },
    ]);
    expect(written.pieces.map(({ text }) => text).join('')).not.toContain('circle');
  });
});

describe('the content hash of a row', () => {
  const hashOf = (row: object): string => Buffer.from(contentHash(parsed(row).turns, [])).toString('hex');

  test('is of its texts where nothing is masked, whatever the flags say', () => {
    const canonical = JSON.stringify({ turns: parsed(messages({})).turns.map(Object.values), images: [] });
    const plain = createHash('sha256').update(canonical).digest('hex');
    for (const flags of [{}, { loss: true }, { weight: 1 }, { weight: 0.5 }])
      expect(hashOf(messages(flags))).toBe(plain);
  });

  test('is another one for another answer that is masked, however it is said', () => {
    const [first, second, none] = [messages({ loss: false }), messages({}, { loss: false }), messages({})].map(hashOf);
    expect(new Set([first, second, none]).size).toBe(3);
    expect(hashOf(messages({ weight: 0 }))).toBe(first);
    expect(hashOf(conversations({ train: false }))).toBe(first);
  });
});

test('a masked answer says so when it is written in another form', () => {
  expect(toMessages(parsed(conversations({ train: false }))).map((turn) => turn.loss)).toEqual([
    undefined,
    false,
    undefined,
    undefined,
  ]);
});
