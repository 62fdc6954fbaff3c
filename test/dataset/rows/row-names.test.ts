// Lists of rows, a name a line.
import { expect, test } from 'vitest';
import { hashName, idName, parseRowNames } from '../../../dataset/rows/row-names.ts';

test('a list has ids and content hashes; white space, quotes, empty lines and comments do not matter', () => {
  const hash = 'ab'.repeat(32);
  const { ids, hashes } = parseRowNames(`\uFEFF# two rows\r\n\r\n 17 \r\n"a, \\"b\\""\n${hash}\nnot "one"`);
  expect([...ids]).toEqual(['17', 'a, "b"', 'not "one"']);
  expect([...hashes].map(hashName)).toEqual([hash]);
  expect([...hashes][0]).toHaveLength(32);
});

test('a list may be empty, and a name may stand in it twice', () => {
  expect(parseRowNames('# none\n').ids.size).toBe(0);
  expect(parseRowNames('1\n1\n').ids.size).toBe(1);
});

test('an id is its text, or its number as it is written; what is no JSON stays as it is', () => {
  expect(['"a"', '17', '1.50', '"a', 'null'].map(idName)).toEqual(['a', '17', '1.50', '"a', 'null']);
});
