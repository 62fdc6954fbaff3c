import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { modelName } from '../../../client/export/export.ts';
import { datasetInfo, placeOf } from '../../../client/export/export-rows.ts';
import { csvCell, plainId } from '../../../client/export/export-table.ts';
import { onOneLine } from '../../../dataset/rows/raw-json.ts';

describe('a cell of CSV', () => {
  test.each<[string | number | null, string]>([
    [null, ''],
    [1e-7, '1e-7'],
    [-3, '-3'],
    ['plain', 'plain'],
    ['a,b', '"a,b"'],
    ['say "x"\nnow', '"say ""x""\nnow"'],
    ['=cmd|calc', "'=cmd|calc"],
    ['+1', "'+1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['-1,2', `"'-1,2"`],
    ['\t=1', "'\t=1"],
  ])('%j is %s', (value, wanted) => {
    expect(csvCell(value)).toBe(wanted);
  });
});

test('a row on one line is the same row, and every byte of its strings and numbers stays', () => {
  const row = '{ "a" : [1.50,\n 2e3 ],\t"b c": "x \\" \\\\ \\u0041  y" }';
  expect(Buffer.from(onOneLine(Buffer.from(row))).toString()).toBe('{"a":[1.50,2e3],"b c":"x \\" \\\\ \\u0041  y"}');
  fc.assert(
    fc.property(fc.json(), fc.nat(3), (json, indent) => {
      const value = JSON.parse(json) as unknown;
      const pretty = JSON.stringify(value, null, indent);
      expect(Buffer.from(onOneLine(Buffer.from(pretty))).toString()).toBe(JSON.stringify(value));
    }),
  );
});

test.each([
  ['of a folder of the machine', '/pictures', null, 'a/1.png', '/pictures/a/1.png'],
  ['copied with its packed row', '/unpacked', 'images/run/0', 'images/run/0/1.png', 'images/run/0/1.png'],
  ['named by a packed row, but elsewhere', '/pictures', 'images/run/0', 'b/2.png', '/pictures/b/2.png'],
  ['by its full path', '/pictures', null, '/other/3.png', '/other/3.png'],
])('a picture %s is found from where the file lies', (_, imageFolder, copiedBelow, name, place) => {
  expect(placeOf(name, imageFolder, copiedBelow)).toBe(place);
});

test.each([
  ['/models/llava', '/models/llava'],
  ['/home/me/.cache/huggingface/hub/models--llava-hf--llava-1.5-7b-hf/snapshots/ab12', 'llava-hf/llava-1.5-7b-hf'],
  ['/hub/models--gpt2/snapshots/ab12', '/hub/models--gpt2/snapshots/ab12'],
])('the base model of an exported adapter in %s is %s', (path, name) => {
  expect(modelName(path)).toBe(name);
});

test.each([
  [null, null],
  ['"a \\"b\\""', 'a "b"'],
  ['17', '17'],
  ['{"x":1}', '{"x":1}'],
])('an id %j is written as %j', (json, text) => {
  expect(plainId(json)).toBe(text);
});

test('dataset_info.json names the file, its columns and roles', () => {
  expect(datasetInfo('mine', 'data.json')).toMatchObject({
    mine: { file_name: 'data.json', formatting: 'sharegpt', columns: { messages: 'messages', images: 'images' } },
  });
});
