import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { datasetInfo } from '../../../client/export/export-rows.ts';
import { csvCell } from '../../../client/export/export-table.ts';
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

test('dataset_info.json names the file, its columns and roles', () => {
  expect(datasetInfo('mine', 'data.json')).toMatchObject({
    mine: { file_name: 'data.json', formatting: 'sharegpt', columns: { messages: 'messages', images: 'images' } },
  });
});
