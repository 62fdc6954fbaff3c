import { describe, expect, test } from 'vitest';
import { parseRow } from '../../../dataset/rows/parse-row.ts';
import type { ParseOptions } from '../../../dataset/rows/parse-row.ts';

const OPTIONS: ParseOptions = { format: 'auto', form: null, taskField: 'dataset', maxImages: 2 };

const parse = (row: object, options: Partial<ParseOptions> = {}) =>
  parseRow(Buffer.from(JSON.stringify(row)), { ...OPTIONS, ...options });

const said = (...values: string[]) => ({
  turns: values.map((value, index) => ({ role: index % 2 === 0 ? 'human' : 'gpt', value })),
});

describe('a row that asks once', () => {
  test.each<[string, object, object]>([
    ['prompt and completion as texts', { prompt: 'Q?', completion: 'A.' }, { ...said('Q?', 'A.'), images: [] }],
    [
      'prompt and completion as messages, pictures in parts',
      {
        image: 'a.png',
        prompt: [
          {
            role: 'user',
            content: [
              { type: 'image', text: null },
              { type: 'text', text: 'Q?' },
            ],
          },
        ],
        completion: [{ role: 'assistant', content: [{ type: 'text', text: 'A.' }] }],
      },
      { ...said('<image>Q?', 'A.'), images: ['a.png'] },
    ],
    ['instruction, input and output', { instruction: 'Add.', input: '1, 2', output: '3' }, said('Add.\n1, 2', '3')],
    [
      'instruction and output with a system text and a history',
      { instruction: 'And?', input: '', output: 'C.', system: 'S', history: [['Q?', 'A.']] },
      { turns: [{ role: 'system', value: 'S' }, ...said('Q?', 'A.', 'And?', 'C.').turns] },
    ],
    ['question and answer', { question: 'Q?', answer: 'A.' }, said('Q?', 'A.')],
    [
      'question, answer and a picture, which stands in front',
      { image: 'a.png', question: 'Q?', answer: 'A.' },
      { ...said('<image>\nQ?', 'A.'), images: ['a.png'] },
    ],
    [
      'question, answer and pictures that the question names',
      { images: ['a.png', 'b.png'], question: '<image> or <image>?', answer: 'A.' },
      { ...said('<image> or <image>?', 'A.'), images: ['a.png', 'b.png'] },
    ],
    ['query and response', { query: 'Q?', response: 'A.', images: ['a.png'] }, said('<image>\nQ?', 'A.')],
  ])('by %s is a dialogue', (_, row, wanted) => {
    expect(parse(row)).toMatchObject(wanted);
  });

  test('that lacks a text is set aside by its key', () => {
    const detail = (row: object) => parse(row);
    expect(detail({ question: 'Q?', answer: 3 })).toMatchObject({
      reason: 'value_not_text',
      detail: 'answer must be text, got 3',
    });
    expect(detail({ prompt: {}, completion: 'A.' })).toMatchObject({ detail: 'prompt must be text, got {}' });
    expect(detail({ instruction: 'Q?', output: 'A.', history: [1] })).toMatchObject({
      detail: 'history must be a list of pairs, got [1]',
    });
    expect(detail({ question: 'Q?', answer: ' ' })).toMatchObject({ reason: 'answer_empty' });
  });
});

describe('columns of the recipe', () => {
  test('say which key holds what, and a key of that name gives way', () => {
    const columns = { image: 'img', question: 'q', answer: 'a' } as const;
    const row = { img: 'a.png', q: 'Q?', a: 'A.', question: 'another', dataset: 'vqa' };
    expect(parse(row, { columns })).toMatchObject({ ...said('<image>\nQ?', 'A.'), images: ['a.png'], task: 'vqa' });
  });

  test('may swap two keys, and rename turns', () => {
    expect(
      parse({ question: 'A.', answer: 'Q?' }, { columns: { question: 'answer', answer: 'question' } }),
    ).toMatchObject(said('Q?', 'A.'));
    const talk = [{ from: 'human', value: 'Q?' }, { from: 'gpt', value: 'A.' }]; // oxfmt-ignore
    expect(parse({ talk }, { columns: { conversations: 'talk' } })).toMatchObject(said('Q?', 'A.'));
  });
});

describe('a list of turns', () => {
  const turns = [{ from: 'human', value: 'Q?' }, { from: 'gpt', value: 'A.' }]; // oxfmt-ignore

  test.each<[string, object]>([
    ['as a text of JSON', { conversations: JSON.stringify(turns) }],
    ['as an object of lists', { conversations: { from: ['human', 'gpt'], value: ['Q?', 'A.'] } }],
    ['of messages as an object of lists', { messages: { role: ['user', 'assistant'], content: ['Q?', 'A.'] } }],
  ])('%s is read', (_, row) => {
    expect(parse(row)).toMatchObject(said('Q?', 'A.'));
  });

  test('that is none says which keys the row has, long ones cut, and the remedy', () => {
    expect(parse({ conversations: 'Q? A.', [`k${'x'.repeat(90)}`]: 1 })).toMatchObject({
      reason: 'conversations_missing',
      detail:
        `conversations must be a list of turns, got "Q? A."; keys: conversations, k${'x'.repeat(38)}…; ` +
        'say by dataset.columns which key holds what',
    });
  });
});
