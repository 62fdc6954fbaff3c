import { describe, expect, test } from 'vitest';
import type { Reason } from '../../../contracts/reasons.ts';
import { parseRow } from '../../../dataset/rows/parse-row.ts';
import type { ParseOptions, ParsedRow } from '../../../dataset/rows/parse-row.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';
import { conversation } from '../small-folder.ts';

const OPTIONS: ParseOptions = { format: 'auto', form: null, taskField: 'dataset', maxImages: 1 };

const parseText = (text: string, options: Partial<ParseOptions> = {}): ReturnType<typeof parseRow> =>
  parseRow(Buffer.from(text), { ...OPTIONS, ...options });

const parse = (row: unknown, options: Partial<ParseOptions> = {}): ReturnType<typeof parseRow> =>
  parseText(JSON.stringify(row), options);

function parsed(row: unknown, options: Partial<ParseOptions> = {}): ParsedRow {
  const result = parse(row, options);
  if (isRejection(result)) throw new Error(`${result.reason}: ${result.detail}`);
  return result;
}

/** A row of turns given as [role, value]. */
const turnsRow = (...turns: [unknown, unknown][]): unknown => ({
  conversations: turns.map(([from, value]) => ({ from, value })),
});

const talk = (...values: unknown[]): unknown => ({ conversations: conversation(...values) });
const imageTalk = (image: unknown, ...values: unknown[]): unknown => ({
  image,
  conversations: conversation(...values),
});

describe('a row that is no object of JSON', () => {
  test.each<[string, Reason, string]>([
    ['{"conversations": [', 'json_syntax', 'must be valid JSON, got an unexpected end'],
    ['{"id": "x', 'json_syntax', 'must be valid JSON, got unterminated string'],
    ['{"a": 1} {}', 'json_syntax', 'must be valid JSON, got an unexpected non-whitespace character'],
    [`{"${'a'.repeat(40)}": Nothing, "x": NaN}`, 'json_syntax', "must be valid JSON, got an unexpected token 'N'"],
    ['[1, 2]', 'not_an_object', 'row must be an object, got [1,2]'],
    ['17', 'not_an_object', 'row must be an object, got 17'],
    ['null', 'not_an_object', 'row must be an object, got null'],
    ['"text"', 'not_an_object', 'row must be an object, got "text"'],
    [`"${'x'.repeat(100)}"`, 'not_an_object', `row must be an object, got "${'x'.repeat(56)}…`],
  ])('%j is %s', (text, reason, detail) => {
    expect(parseText(text)).toEqual({ id: null, task: null, reason, detail });
  });

  test('is invalid_utf8 where a byte is none of UTF-8', () => {
    const bytes = Buffer.concat([Buffer.from('{"id":"'), Buffer.of(0xff), Buffer.from('"}')]);
    const detail = 'row must be UTF-8, got other bytes';
    expect(parseRow(bytes, OPTIONS)).toEqual({ id: null, task: null, reason: 'invalid_utf8', detail });
  });

  test('is row_too_large where it was not held', () => {
    const detail = 'row must have at most 16 MiB, got more';
    expect(parseRow(null, OPTIONS)).toEqual({ id: null, task: null, reason: 'row_too_large', detail });
  });
});

describe('numbers of Python that are none', () => {
  test.each(['NaN', 'Infinity', '-Infinity'])('%s is read in any key, and texts that hold it stay', (number) => {
    const row = `{"id": ${number}, "score": [1, ${number}], "dataset": "x", "conversations": [
      {"from": "human", "value": "${number}, \\"${number}\\"?"}, {"from": "gpt", "value": "A."}]}`;
    expect(parseText(row)).toMatchObject({
      id: 'null',
      task: 'x',
      turns: [{ value: `${number}, "${number}"?` }, { value: 'A.' }],
    });
  });

  test('do not make valid what is wrong elsewhere', () => {
    for (const text of ['{"a": NaNs}', '{"a": +NaN}', '{"a": -NaN, "b": x}', '{"a": NaN, "b": "'])
      expect(parseText(text)).toMatchObject({ reason: 'json_syntax' });
  });
});

describe('turns', () => {
  const order = (turn: number, wanted: string, got: string): string =>
    `turn ${turn}: role must be ${wanted}, got ${got}`;
  const unknownRole = (turn: number, got: string): string =>
    `turn ${turn}: from must be human or gpt, got ${got}; use format: messages`;

  test.each<[string, unknown, Reason, string]>([
    [
      'that are not there',
      { id: 1, image: 'a.png', text: 'b' },
      'conversations_missing',
      'conversations must be a list of turns, got undefined; keys: id, image, text; say by dataset.columns which key holds what',
    ],
    [
      'that are a text',
      { conversations: 'What?' },
      'conversations_missing',
      'conversations must be a list of turns, got "What?"; keys: conversations',
    ],
    [
      'among many keys, of which eight are named',
      Object.fromEntries([...'abcdefghij'].map((key) => [key, 1])),
      'conversations_missing',
      'conversations must be a list of turns, got undefined; keys: a, b, c, d, e, f, g, h; say by dataset.columns which key holds what',
    ],
    ['of an empty list', talk(), 'conversations_empty', 'conversations must have a turn, got none'],
    ['of a number', talk(5, 'A.'), 'value_not_text', 'turn 0: value must be text, got 5'],
    ['of null', talk('Q?', null), 'value_not_text', 'turn 1: value must be text, got null'],
    ['without a value', talk('Q?', undefined), 'value_not_text', 'turn 1: value must be text, got undefined'],
    ['of parts', talk([{ type: 'text' }], 'A.'), 'value_not_text', 'turn 0: value must be text, got [{"type":"text"}]'],
    ['that begin with user', turnsRow(['user', 'Q?'], ['assistant', 'A.']), 'role_unknown', unknownRole(0, '"user"')],
    [
      'that begin with assistant',
      turnsRow(['assistant', 'A.'], ['human', 'Q?']),
      'role_unknown',
      unknownRole(0, '"assistant"'),
    ],
    [
      'with a system text inside',
      turnsRow(['human', 'Q?'], ['system', 'S']),
      'role_unknown',
      unknownRole(1, '"system"'),
    ],
    ['with two system texts', turnsRow(['system', 'S'], ['system', 'S']), 'role_unknown', unknownRole(1, '"system"')],
    ['of a system text alone', turnsRow(['system', 'S']), 'role_unknown', unknownRole(0, '"system"')],
    ['with a role that is no text', turnsRow([1, 'Q?'], ['gpt', 'A.']), 'role_unknown', unknownRole(0, '1')],
    [
      'with a role under another key',
      { conversations: [{ role: 'human' }] },
      'role_unknown',
      unknownRole(0, 'undefined'),
    ],
    ['that are null', { conversations: [null, null] }, 'role_unknown', unknownRole(0, 'undefined')],
    [
      'with a question twice',
      turnsRow(['human', 'Q?'], ['gpt', 'A.'], ['human', 'Q?'], ['human', 'Q?']),
      'role_order',
      order(3, 'gpt', 'human'),
    ],
    [
      'with an answer twice',
      turnsRow(['human', 'Q?'], ['gpt', 'A.'], ['gpt', 'A.']),
      'role_order',
      order(2, 'human', 'gpt'),
    ],
    ['with two leading answers', turnsRow(['gpt', 'A.'], ['gpt', 'A.']), 'role_order', order(1, 'human', 'gpt')],
    [
      'with a system text and a leading answer',
      turnsRow(['system', 'S'], ['gpt', 'A.'], ['human', 'Q?'], ['gpt', 'A.']),
      'role_order',
      order(1, 'human', 'gpt'),
    ],
    ['with an empty answer', talk('Q?', ''), 'answer_empty', 'turn 1: answer must not be empty, got ""'],
    [
      'with a blank answer',
      talk('Q?', 'A.', 'Q?', ' \n'),
      'answer_empty',
      'turn 3: answer must not be empty, got " \\n"',
    ],
    [
      'with an empty answer behind a system text',
      turnsRow(['system', 'S'], ['human', 'Q?'], ['gpt', '']),
      'answer_empty',
      'turn 2: answer must not be empty, got ""',
    ],
    ['of a question alone', talk('Q?'), 'answer_missing', 'every question must have an answer, got 1 turns'],
    [
      'that end with a question',
      talk('Q?', 'A.', 'Q?'),
      'answer_missing',
      'every question must have an answer, got 3 turns',
    ],
    [
      'of an answer alone',
      turnsRow(['gpt', 'A.']),
      'answer_missing',
      'every question must have an answer, got 0 turns',
    ],
  ])('%s are refused', (_, row, reason, detail) => {
    expect(parse(row)).toMatchObject({ reason, detail });
  });
});

describe('image references', () => {
  const typeDetail = (got: string): string => `image must be a path or a list of paths, got ${got}`;
  test.each<[string, unknown, Reason, string]>([
    ['a number', imageTalk(5, '<image>', 'A.'), 'image_field_type', typeDetail('5')],
    ['an empty path', imageTalk('', '<image>', 'A.'), 'image_field_type', typeDetail('""')],
    ['bytes', imageTalk({ bytes: 'x' }, '<image>', 'A.'), 'image_field_type', typeDetail('{"bytes":"x"}')],
    ['a list with null', imageTalk(['a.png', null], '<image>', 'A.'), 'image_field_type', typeDetail('["a.png",null]')],
    [
      'more than max_images',
      imageTalk(['a.png', 'b.png'], '<image><image>', 'A.'),
      'too_many_images',
      'a row must have at most 1 images, got 2',
    ],
    [
      'no <image>',
      imageTalk('a.png', 'Q?', 'A.'),
      'image_token_missing',
      'an image row must contain <image>, got none; LLaVA would ignore the picture',
    ],
    [
      '<image> in a text-only row',
      talk('<image>\nQ?', 'A.'),
      'image_key_missing',
      '<image> needs the key image, got none',
    ],
    [
      '<image> with image: null',
      imageTalk(null, '<image>\nQ?', 'A.'),
      'image_key_missing',
      '<image> needs the key image, got none',
    ],
    [
      '<image> with an empty list',
      imageTalk([], '<image>\nQ?', 'A.'),
      'image_key_missing',
      '<image> needs the key image, got none',
    ],
    [
      'two <image> for one',
      imageTalk('a.png', '<image><image>', 'A.'),
      'image_count_mismatch',
      '<image> count must equal images, got 2 and 1',
    ],
    [
      '<image> in two questions',
      imageTalk('a.png', '<image>', 'A.', '<image>', 'A.'),
      'image_count_mismatch',
      '<image> count must equal images, got 2 and 1',
    ],
    [
      '<image> in an answer',
      imageTalk('a.png', '<image>', 'A <image>.'),
      'image_token_in_answer',
      'turn 1: an answer must not contain <image>, got one',
    ],
    [
      '<image> in an answer of text',
      talk('Q?', 'A <image>.'),
      'image_token_in_answer',
      'turn 1: an answer must not contain <image>, got one',
    ],
  ])('with %s are refused', (_, row, reason, detail) => {
    expect(parse(row)).toMatchObject({ reason, detail });
  });

  test('count up to max_images', () => {
    const row = imageTalk(['a.png', 'b.png', 'c.png'], '<image><image>', 'A.');
    const details = [1, 2, 3].map((maxImages) => parse(row, { maxImages }));
    expect(details).toMatchObject([
      { reason: 'too_many_images', detail: 'a row must have at most 1 images, got 3' },
      { reason: 'too_many_images', detail: 'a row must have at most 2 images, got 3' },
      { reason: 'image_count_mismatch', detail: '<image> count must equal images, got 2 and 3' },
    ]);
  });
});

describe('as in LLaVA', () => {
  test('a turn with <image> has it first, on a line of its own, and the rest stripped', () => {
    const questions = (value: string): string | undefined =>
      parsed(imageTalk('a.png', value, 'A.')).promptTurns[0]?.value;
    expect(questions('<image>\nWhat is it?')).toBe('<image>\nWhat is it?');
    expect(questions('  What is it?\n<image> ')).toBe('<image>\nWhat is it?');
    expect(questions('What <image> is it?')).toBe('<image>\nWhat  is it?');
    expect(questions('<image>')).toBe('<image>');
  });

  test('several pictures of one turn stand in front of it', () => {
    const row = imageTalk(['a.png', 'b.png'], ' Compare <image> and <image>. ', 'A.');
    expect(parsed(row, { maxImages: 2 }).promptTurns[0]?.value).toBe('<image>\n<image>\nCompare  and .');
  });

  test('the other turns of an image row keep their white space', () => {
    const { promptTurns } = parsed(imageTalk('a.png', ' Q? <image>', ' A. ', '\nMore? ', '\tB.\n'));
    expect(promptTurns.map(({ value }) => value)).toEqual(['<image>\nQ?', ' A. ', '\nMore? ', '\tB.\n']);
  });

  test('the turns of a text-only row keep their white space', () => {
    const { promptTurns, turns } = parsed(talk(' Q?\n', ' A. '));
    expect(promptTurns).toEqual([
      { role: 'human', value: ' Q?\n' },
      { role: 'gpt', value: ' A. ' },
    ]);
    expect(turns).toEqual(promptTurns);
  });

  test('the presence of the key image decides the modality; null counts as absent', () => {
    expect(parsed(imageTalk('a/b.png', '<image>', 'A.')).images).toEqual(['a/b.png']);
    expect(parsed(imageTalk(['a/b.png'], '<image>', 'A.')).images).toEqual(['a/b.png']);
    expect(parsed(imageTalk(null, 'Q?', 'A.')).images).toEqual([]);
    expect(parsed({ ...(talk('Q?', 'A.') as object), model: '' }).images).toEqual([]);
  });

  test.each(['gpt', 'system'])('one leading turn of %s is no part of the prompt', (role) => {
    const { promptTurns } = parsed(turnsRow([role, 'Hello.'], ['human', 'Q?'], ['gpt', 'A.']));
    expect(promptTurns).toEqual([
      { role: 'human', value: 'Q?' },
      { role: 'gpt', value: 'A.' },
    ]);
  });

  test('turns as read are kept beside the prompt, a dropped leading answer included', () => {
    const row = {
      image: 'a.png',
      conversations: [{ from: 'gpt', value: 'Hi.' }, ...conversation(' Q? <image>', 'A.')],
    };
    expect(parsed(row).turns).toEqual([
      { role: 'gpt', value: 'Hi.' },
      { role: 'human', value: ' Q? <image>' },
      { role: 'gpt', value: 'A.' },
    ]);
  });

  test('keys that nobody knows do not matter, in rows and in turns', () => {
    const row = {
      model: '',
      conversations: [
        { from: 'human', value: 'Q?', text: 'x' },
        { from: 'gpt', value: 'A.', markdown: null },
      ],
    };
    expect(parsed(row).turns).toEqual(parsed(talk('Q?', 'A.')).turns);
  });
});

describe('what is known of a row', () => {
  test.each([
    ['12345', '12345'],
    ['"12345"', '"12345"'],
    ['"ü\\n"', '"ü\\n"'],
    ['null', 'null'],
    ['12345678901234567890', '12345678901234567890'],
    ['1.50', '1.50'],
    ['[9007199254740993, "a"]', '[9007199254740993, "a"]'],
    ['1, "x": {"id": 12345678901234567891}, "id": 12345678901234567892', '12345678901234567892'],
  ])('its id %s is kept as the JSON text %s', (text, id) => {
    expect(parseText(`{"id": ${text}, "conversations": ${JSON.stringify(conversation('Q?', 'A.'))}}`)).toMatchObject({
      id,
    });
  });

  test('its id is null where it has none', () => {
    expect(parsed(talk('Q?', 'A.')).id).toBeNull();
  });

  test("its task is the text or the number under the recipe's field, or null", () => {
    const taskOf = (label: unknown): string | null =>
      parsed({ ...(talk('Q?', 'A.') as object), kind: label }, { taskField: 'kind' }).task;
    expect([taskOf('vqa'), taskOf(''), taskOf(3), taskOf(null), taskOf(undefined)]).toEqual([
      'vqa',
      null,
      '3',
      null,
      null,
    ]);
    expect(parsed({ ...(talk('Q?', 'A.') as object), kind: 'vqa' }).task).toBeNull();
  });

  test('id and task stand beside the reason of a refused row', () => {
    expect(parse({ id: 7, dataset: 'vqa', conversations: [] })).toEqual({
      id: '7',
      task: 'vqa',
      reason: 'conversations_empty',
      detail: 'conversations must have a turn, got none',
    });
  });
});
