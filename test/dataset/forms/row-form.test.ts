import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Reason } from '../../../contracts/reasons.ts';
import { readRowForm } from '../../../dataset/forms/dataset-info.ts';
import { parseRow } from '../../../dataset/rows/parse-row.ts';
import type { ParseOptions } from '../../../dataset/rows/parse-row.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';

const OPTIONS: ParseOptions = { format: 'auto', form: null, taskField: 'dataset', maxImages: 2 };
const parse = (row: unknown, options: Partial<ParseOptions> = {}) =>
  parseRow(Buffer.from(JSON.stringify(row)), { ...OPTIONS, ...options });
const user = (content: unknown) => ({ role: 'user', content });
const assistant = (content: unknown) => ({ role: 'assistant', content });

describe('a row of messages', () => {
  test('has its pictures beside it where its parts leave all their keys empty', () => {
    const part = { type: 'image', text: null, image: null, image_url: null };
    const row = { messages: [user([part, { type: 'text', text: 'Q' }]), assistant('A')], images: ['a.png'] };
    expect(parse(row)).toMatchObject({ images: ['a.png'], turns: [{ value: '<image>Q' }, { value: 'A' }] });
  });

  test('has texts as they are, a system text first, and pictures in their places', () => {
    const row = {
      id: 7,
      dataset: 't',
      messages: [{ role: 'system', content: 'Be brief.' }, user(' What is <image> here? '), assistant('A cat. ')],
      images: ['a.png'],
    };
    const turns = [
      { role: 'system', value: 'Be brief.' },
      { role: 'human', value: ' What is <image> here? ' },
      { role: 'gpt', value: 'A cat. ' },
    ];
    expect(parse(row)).toEqual({
      id: '7',
      task: 't',
      images: ['a.png'],
      clips: [],
      unreadKeys: [],
      turns,
      promptTurns: turns,
    });
  });

  test.each<[string, object]>([
    ['image', { type: 'image', image: 'b.png' }],
    ['path', { type: 'image', path: 'b.png' }],
    ['image_url', { type: 'image_url', image_url: { url: 'b.png' } }],
    ['image_url as a text', { type: 'image_url', image_url: 'b.png' }],
    ['an object, as Arrow fills all keys', { type: 'image', text: null, image: { path: 'b.png' }, image_url: null }],
  ])('has parts with a picture by %s', (_, part) => {
    const row = {
      messages: [user([part, { type: 'text', text: 'What?' }]), assistant([{ type: 'text', text: 'It' }])],
    };
    expect(parse(row)).toMatchObject({
      images: ['b.png'],
      promptTurns: [
        { role: 'human', value: '<image>What?' },
        { role: 'gpt', value: 'It' },
      ],
    });
  });

  test('has parts without paths for the listed pictures, in order', () => {
    const parts = [{ type: 'image' }, { type: 'text', text: ' or ' }, { type: 'image' }];
    expect(parse({ messages: [user(parts), assistant('2nd')], images: ['a.png', { path: 'b.png' }] })).toMatchObject({
      images: ['a.png', 'b.png'],
      turns: [{ value: '<image> or <image>' }, {}],
    });
  });
});

describe('a row of ShareGPT', () => {
  const talk = [
    { from: 'human', value: 'What is it? <image>' },
    { from: 'gpt', value: 'x' },
  ];

  test('is told by its images, and its texts stay as they are', () => {
    expect(parse({ conversations: talk, images: ['a.png'] })).toMatchObject({
      images: ['a.png'],
      promptTurns: [{ value: 'What is it? <image>' }, {}],
    });
    // LLaVA moves the placeholder to the front.
    expect(parse({ conversations: talk, image: 'a.png' })).toMatchObject({
      promptTurns: [{ value: '<image>\nWhat is it?' }, {}],
    });
  });

  test('has a system text beside or among its turns', () => {
    const conversations = [{ from: 'system', value: 'in' }, ...talk];
    const systemOf = (row: object) => {
      const parsed = parse({ images: ['a.png'], ...row });
      return isRejection(parsed) ? parsed.detail : parsed.turns[0];
    };
    expect(systemOf({ conversations: talk, system: 'out' })).toEqual({ role: 'system', value: 'out' });
    expect(systemOf({ conversations, system: 'out' })).toEqual({ role: 'system', value: 'in' });
  });
});

test.each<[string, object, Reason, string]>([
  [
    'a text for the list',
    { images: 'test1.jpg' },
    'image_field_type',
    'images must be a list, got "test1.jpg"; write ["test1.jpg"]',
  ],
  ['a number as a path', { images: [1] }, 'image_field_type', 'images must be a list of paths, got 1'],
  [
    'no turns',
    { messages: 'What?' },
    'conversations_missing',
    'messages must be a list of turns, got "What?"; keys: messages',
  ],
  ['an empty list', { messages: [] }, 'conversations_empty', 'messages must have a turn, got none'],
  [
    'another role',
    { messages: [user('a'), { role: 'tool', content: 'b' }] },
    'role_unknown',
    'turn 1: role must be user or assistant, got "tool"',
  ],
  [
    'a late system text',
    { messages: [user('a'), assistant('b'), { role: 'system', content: 'c' }] },
    'role_unknown',
    'turn 2: role must be user or assistant, got "system"',
  ],
  [
    'a number as content',
    { messages: [user(5), assistant('b')] },
    'value_not_text',
    'turn 0: content must be text, got 5',
  ],
  [
    'a part of another kind',
    { messages: [user([{ type: 'table' }]), assistant('b')] },
    'value_not_text',
    'turn 0: parts must be text or image, got "table"',
  ],
  ['a null turn', { messages: [null] }, 'role_unknown', 'turn 0: role must be user or assistant, got undefined'],
  [
    'two answers',
    { messages: [{ role: 'system', content: 's' }, user('a'), assistant('b'), assistant('c')] },
    'role_order',
    'turn 3: role must be human, got gpt',
  ],
  ['no answer', { messages: [user('a')] }, 'answer_missing', 'every question must have an answer, got 1 turns'],
  [
    'too few pictures',
    { messages: [user('<image><image>'), assistant('b')], images: ['a'] },
    'image_count_mismatch',
    '<image> count must equal images, got 2 and 1',
  ],
  [
    'no pictures',
    { messages: [user('<image>'), assistant('b')], images: [] },
    'image_key_missing',
    '<image> needs the key images, got none',
  ],
  [
    'too many pictures',
    { messages: [user('a'), assistant('b')], images: ['a', 'b', 'c'] },
    'too_many_images',
    'a row must have at most 2 images, got 3',
  ],
])('a row with %s is set aside', (_, row, reason, detail) => {
  expect(parse(row)).toMatchObject({ reason, detail });
});

test('a format that the recipe names is taken for every row', () => {
  const row = { conversations: [], messages: [user('a'), assistant('b')] };
  expect(parse(row, { format: 'messages' })).toMatchObject({ turns: [{}, {}] });
  expect(parse(row, { format: 'llava' })).toMatchObject({ reason: 'conversations_empty' });
  expect(parse(row, { format: 'sharegpt' })).toMatchObject({ reason: 'conversations_empty' });
});

describe('dataset_info.json', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tive-forms-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const formOf = async (info: unknown): ReturnType<typeof readRowForm> => {
    writeFileSync(join(folder, 'dataset_info.json'), typeof info === 'string' ? info : JSON.stringify(info));
    return readRowForm(join(folder, 'mix.json'));
  };

  test('names keys and tags of its file', async () => {
    const form = await formOf({
      other: { file_name: 'other.json' },
      mine: {
        file_name: 'mix.json',
        formatting: 'sharegpt',
        columns: { messages: 'talk', images: 'pictures', system: 'sys' },
        tags: { role_tag: 'who', content_tag: 'said', user_tag: 'me', assistant_tag: 'it' },
      },
    });
    const talk = [
      { who: 'me', said: '<image>?' },
      { who: 'it', said: 'x' },
    ];
    expect(parse({ talk, pictures: ['a.png'], sys: 'S' }, { form })).toMatchObject({
      images: ['a.png'],
      turns: [
        { role: 'system', value: 'S' },
        { role: 'human', value: '<image>?' },
        { role: 'gpt', value: 'x' },
      ],
    });
  });

  test('without a formatting names keys of alpaca', async () => {
    const form = await formOf({ a: { file_name: 'mix.json', columns: { prompt: 'ask', response: 'say' } } });
    expect(parse({ ask: 'Q?', input: 'x', say: 'A.' }, { form })).toMatchObject({
      turns: [
        { role: 'human', value: 'Q?\nx' },
        { role: 'gpt', value: 'A.' },
      ],
    });
  });

  test('that says nothing of the file, or is not there, leaves the rows to their keys', async () => {
    expect(await formOf({ other: { file_name: 'other.json' } })).toBeNull();
    rmSync(join(folder, 'dataset_info.json'));
    expect(await readRowForm(join(folder, 'mix.json'))).toBeNull();
  });

  test.each<[string, unknown, string]>([
    ['no JSON', '{', 'dataset_info.json: must be valid JSON, got '],
    [
      'another formatting',
      { a: { file_name: 'mix.json', formatting: 'tree' } },
      'dataset_info.json a: formatting must be alpaca, sharegpt or openai, got "tree"; convert the rows to turns',
    ],
    [
      'pairs of preferences',
      { a: { file_name: 'mix.json', ranking: true } },
      'dataset_info.json a: ranking must be false, got true; pairs of preferences have no one answer to learn',
    ],
    [
      'a number as a name',
      { a: { file_name: 'mix.json', formatting: 'sharegpt', tags: { role_tag: 1 } } },
      'dataset_info.json a: tags.role_tag must be a name, got 1',
    ],
  ])('with %s is refused', async (_, info, message) => {
    await expect(formOf(info)).rejects.toThrow(message);
  });
});
