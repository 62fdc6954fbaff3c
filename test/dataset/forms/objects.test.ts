import { describe, expect, test } from 'vitest';
import { parseRow } from '../../../dataset/rows/parse-row.ts';
import type { ParsedRow } from '../../../dataset/rows/parse-row.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';
import type { Rejection } from '../../../dataset/rows/row-outcome.ts';

function read(row: object): ParsedRow | Rejection {
  const options = { format: 'auto', form: null, taskField: 'dataset', maxImages: 2 } as const;
  return parseRow(Buffer.from(JSON.stringify(row)), options);
}

function textsOf(row: object): string[] {
  const found = read(row);
  if (isRejection(found)) throw new Error(`${found.reason}: ${found.detail}`);
  return found.promptTurns.map(({ value }) => value);
}

const grounded = (answer: string, objects: unknown, keys: object = {}): object => ({
  messages: [
    { role: 'user', content: '<image>Find the <ref-object>.' },
    { role: 'assistant', content: answer },
  ],
  images: ['a.png'],
  objects,
  ...keys,
});

describe('placeholders of objects', () => {
  test('are filled in their order, boxes in thousandths as ms-swift writes them for LLaVA', () => {
    const bbox = [
      [0.25, 0.5, 0.75, 1],
      [0.0005, 0.0015],
    ];
    const row = grounded('<bbox> is no <ref-object>, <bbox> is', { ref: ['circle', '$&'], bbox, bbox_type: 'norm1' });
    expect(textsOf(row)).toEqual([
      '<image>Find the circle.',
      // Python's round takes halves to the even neighbour.
      '[(250,500),(750,1000)] is no $&, [(0,2)] is',
    ]);
  });

  test('are filled with pixels where the row says how large its picture is', () => {
    const objects = { ref: ['circle'], bbox: [[0, 2, 20, 24]] };
    const wanted = ['<image>Find the circle.', '[(0,50),(500,600)]'];
    expect(textsOf(grounded('<bbox>', objects, { width: 40, height: 40 }))).toEqual(wanted);
    const sizes = { width: [1, 40], height: [1, 40], image_id: [1] };
    expect(textsOf(grounded('<bbox>', { ...objects, ...sizes }))).toEqual(wanted);
  });

  test('are filled in LLaVA’s form, in parts of a content, and where they are escaped', () => {
    const objects = { ref: ['cat'], bbox: [[0.5, 0.5]], bbox_type: 'norm1' };
    const turns = [
      { from: 'human', value: 'The <ref-object>?' },
      { from: 'gpt', value: '<bbox>' },
    ];
    expect(textsOf({ conversations: turns, objects })).toEqual(['The cat?', '[(500,500)]']);
    const content = [{ type: 'text', text: 'The <ref-object>?' }];
    const messages = [
      { role: 'user', content },
      { role: 'assistant', content: '<bbox>' },
    ];
    const text = JSON.stringify({ messages, objects }).replaceAll('<', '\\u003c');
    const options = { format: 'auto', form: null, taskField: 'dataset', maxImages: 1 } as const;
    expect(parseRow(Buffer.from(text), options)).toMatchObject({
      turns: [{ value: 'The cat?' }, { value: '[(500,500)]' }],
    });
  });

  test.each([
    ['no objects', undefined, 'objects must fill <bbox> and <ref-object>, got null'],
    [
      'another number of names',
      { ref: [], bbox: [[1, 2]] },
      'objects.ref must have a text for each of 1 <ref-object>, got 0',
    ],
    ['another number of boxes', { ref: ['a'], bbox: [] }, 'objects.bbox must have a box for each of 1 <bbox>, got 0'],
    ['a name that is none', { ref: [5], bbox: [[1, 2]] }, 'objects.ref must be texts, got 5'],
    [
      'a box that is none',
      { ref: ['a'], bbox: [[1, 2, 3]], bbox_type: 'norm1' },
      'objects.bbox must be lists of 2 or 4 numbers, got [1,2,3]',
    ],
    [
      'another kind of box',
      { ref: ['a'], bbox: [[1, 2]], bbox_type: 'xywh' },
      'objects.bbox_type must be real or norm1, got "xywh"',
    ],
    [
      'pixels of a picture of unknown size',
      { ref: ['circle'], bbox: [[0, 2, 20, 24]] },
      'objects.bbox in pixels needs objects.width and objects.height, lists with a number for each picture, got none; ' +
        'or give shares from 0 to 1 with bbox_type: norm1, or write the boxes into the texts',
    ],
  ])('that cannot be filled set the row aside: %s', (_, objects, detail) => {
    expect(read(grounded('<bbox>', objects))).toMatchObject({ reason: 'placeholder_unfilled', detail });
  });

  test('are none where the text closes them, or says nothing of them', () => {
    const row = (answer: string): object => ({
      conversations: [
        { from: 'human', value: 'Where?' },
        { from: 'gpt', value: answer },
      ],
    });
    expect(textsOf(row('<bbox>1, 2</bbox>'))).toEqual(['Where?', '<bbox>1, 2</bbox>']);
    expect(textsOf({ ...row('There.'), objects: { ref: ['a'], bbox: [] } })).toEqual(['Where?', 'There.']);
  });
});
