import { expect, test } from 'vitest';
import { datasetWarnings } from '../../../activities/dataset/warnings.ts';
import { DatasetInspector } from '../../../dataset/rows/dataset-inspector.ts';
import { parseRow } from '../../../dataset/rows/parse-row.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';
import { datasetConfig } from '../small-folder.ts';

const OPTIONS = { format: 'auto', form: null, taskField: 'dataset', maxImages: 1 } as const;

const row = (keys: object, answer: object = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      messages: [
        { role: 'user', content: 'Q?' },
        { role: 'assistant', content: 'A.', ...answer },
      ],
      ...keys,
    }),
  );

function keysOf(bytes: Buffer, taskField = 'dataset'): string[] {
  const parsed = parseRow(bytes, { ...OPTIONS, taskField });
  if (isRejection(parsed)) throw new Error(parsed.detail);
  return parsed.unreadKeys;
}

test('keys that mean something to trainers are named, those of the row’s form and empty ones are not', () => {
  expect(keysOf(row({ tools: [{}], rejected: 'B.', weight: 0, images: [], id: 1, url: 'x' }))).toEqual([
    'tools',
    'rejected',
    'weight',
  ]);
  expect(keysOf(row({ tools: [], channel: null, chosen: '' }))).toEqual([]);
  expect(keysOf(row({ label: false, channel: 'a', system: 'Be brief.', image: 'a.png' }))).toEqual([
    'label',
    'channel',
    'system',
    'image',
  ]);
});

test('a key with another meaning is not named: a label of a class, the task, a weight of one', () => {
  expect(keysOf(row({ label: 'cat' }))).toEqual([]);
  expect(keysOf(row({ split: 'train' }), 'split')).toEqual([]);
  expect(keysOf(row({}, { weight: 1, loss: true }))).toEqual([]);
});

test('keys of turns are named as such', () => {
  expect(keysOf(row({}, { weight: 0.5, reasoning_content: 'So.', tool_calls: [] }))).toEqual([
    'turn.weight',
    'turn.reasoning_content',
  ]);
});

test('inspect counts them with their meanings, and the answers that are not learned', () => {
  const inspector = new DatasetInspector();
  inspector.add(row({ kto_tag: false }, { loss: false }), OPTIONS);
  inspector.add(row({ kto_tag: true, channel: 'b' }), OPTIONS);
  inspector.add(
    Buffer.from(JSON.stringify({ messages: [...asked('Q?', 'A.', true), ...asked('Why?', 'So.')] })),
    OPTIONS,
  );
  const { unreadKeys, maskedAnswerCount } = inspector.contents();
  expect(unreadKeys).toEqual([
    {
      key: 'kto_tag',
      count: 2,
      meaning:
        'elsewhere whether the answer is wanted (KTO); ignored here: unwanted answers are learned too; take those rows out',
    },
    { key: 'channel', count: 1, meaning: 'elsewhere the group whose loss is shown apart (ms-swift); ignored here' },
  ]);
  expect(maskedAnswerCount).toBe(1);
});

const asked = (question: string, answer: string, isMasked = false): object[] => [
  { role: 'user', content: question },
  { role: 'assistant', content: answer, ...(isMasked ? { loss: false } : {}) },
];

test('a run and validate warn of each with its rows', () => {
  const notes = { extensionDiffersCount: 0, unreadKeys: [{ key: 'channel', count: 1200 }] };
  expect(datasetWarnings({ tasks: [] }, notes, datasetConfig(['a.json']))).toEqual([
    'rows: key channel in 1,200 rows: elsewhere the group whose loss is shown apart (ms-swift); ignored here',
  ]);
});
