import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { objectOf, rawFields, withStrings } from '../../../dataset/rows/raw-json.ts';

const anyObject = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue());
const spacing = fc.constantFrom(undefined, 1, '\t');

describe('the fields of an object', () => {
  test('are the texts of its values, whatever they hold', () => {
    fc.assert(
      fc.property(anyObject, spacing, (object, space) => {
        const text = JSON.stringify(object, null, space);
        const fields = [...rawFields(text)];
        const read = JSON.parse(text) as Record<string, unknown>;
        expect(new Map(fields.map(([key, value]) => [key, JSON.parse(value) as unknown]))).toEqual(
          new Map(Object.entries(read)),
        );
        for (const [, value] of fields) expect(text).toContain(value);
        expect(JSON.parse(objectOf(fields))).toEqual(read);
      }),
      { numRuns: 1000, seed: 5 },
    );
  });

  test('stay as they are written, the last of a key that stands twice', () => {
    const text = '{ "a": 12345678901234567890 , "b":1.500,"c" : [1.0, {"a": "}"}], "a":"\\u0041,\\"", "d":{}, "e":[] }';
    expect([...rawFields(text)]).toEqual([
      ['a', '"\\u0041,\\""'],
      ['b', '1.500'],
      ['c', '[1.0, {"a": "}"}]'],
      ['d', '{}'],
      ['e', '[]'],
    ]);
  });
});

describe('strings', () => {
  test('are replaced as values alone, and all else stays byte for byte', () => {
    const text = '{"x" : "x","y":[ "x", 1.0, {"x":"\\u0078"}], "z": 12345678901234567890, "\\"x": "no\\"x"}';
    expect(withStrings(text, (value) => (value === 'x' ? 'pic"ture' : value))).toBe(
      '{"x" : "pic\\"ture","y":[ "pic\\"ture", 1.0, {"x":"pic\\"ture"}], "z": 12345678901234567890, "\\"x": "no\\"x"}',
    );
  });

  test('that nobody changes leave the text', () => {
    fc.assert(
      fc.property(anyObject, spacing, (object, space) => {
        const text = JSON.stringify(object, null, space);
        expect(withStrings(text, (value) => value)).toBe(text);
      }),
      { numRuns: 500, seed: 6 },
    );
  });
});
