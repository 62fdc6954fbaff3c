import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { STAGES, STAGE_VERSIONS } from '../../contracts/stages.ts';
import { artifactFolder, canonicalJson, checkpointFolder, sha256, stageAddress } from '../../store/addresses.ts';

/** The same value with the keys of every object in reverse order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([key, item]) => [key, reversed(item)]));
}

describe('canonical JSON', () => {
  test.each<[unknown, string]>([
    [null, 'null'],
    [true, 'true'],
    [0.1, '0.1'],
    [1e21, '1e+21'],
    ['ü"\n', '"ü\\"\\n"'],
    [[], '[]'],
    [{}, '{}'],
    [[3, 1, 2], '[3,1,2]'],
    [{ b: 1, a: { d: [{ y: 1, x: 2 }], c: null } }, '{"a":{"c":null,"d":[{"x":2,"y":1}]},"b":1}'],
    [{ 10: 'a', 9: 'b', A: 'c', a: 'd' }, '{"10":"a","9":"b","A":"c","a":"d"}'],
  ])('of %j is %s', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  test('leaves out what is undefined, but not what is null', () => {
    expect(canonicalJson({ b: undefined, a: null, c: { d: undefined } })).toBe('{"a":null,"c":{}}');
  });

  test('does not depend on the order of keys, and is the same value as JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json: unknown = value;
        const text = canonicalJson(json);
        expect(canonicalJson(reversed(json))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(json)));
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});

describe("a stage's address", () => {
  const determinants = { config: { lambda: 3 }, inputs: ['3f9a', '77c1'] };

  test('is 40 digits of the hash of stage, version and determinants', () => {
    const text = `{"determinants":{"config":{"lambda":3},"inputs":["3f9a","77c1"]},"stage":"selection","version":${STAGE_VERSIONS.selection}}`;
    expect(stageAddress('selection', determinants)).toBe(sha256(text).slice(0, 40));
    expect(stageAddress('selection', determinants)).toMatch(/^[0-9a-f]{40}$/);
  });

  test('does not depend on the order of keys, nor on keys without a value', () => {
    const other = { inputs: ['3f9a', '77c1'], extra: undefined, config: { lambda: 3 } };
    expect(stageAddress('selection', other)).toBe(stageAddress('selection', determinants));
  });

  test('differs with the stage and with every determinant', () => {
    const addresses = [
      ...STAGES.map((stage) => stageAddress(stage, determinants)),
      stageAddress('selection', { ...determinants, config: { lambda: 3.5 } }),
      stageAddress('selection', { ...determinants, inputs: ['77c1', '3f9a'] }),
      stageAddress('selection', { ...determinants, config: { lambda: null } }),
      stageAddress('selection', { ...determinants, config: {} }),
    ];
    expect(new Set(addresses).size).toBe(STAGES.length + 4);
  });
});

describe('names', () => {
  test('of folders hold stage and address', () => {
    expect(artifactFolder('values', '3f9a')).toBe('artifacts/values/3f9a');
    expect(checkpointFolder('warmup', '77c1')).toBe('checkpoints/warmup/77c1');
  });

  test('of hashes are hex, of text as of its UTF-8 bytes', () => {
    expect(sha256('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(sha256('é')).toBe(sha256(Uint8Array.of(0xc3, 0xa9)));
  });
});
