import { describe, expect, test } from 'vitest';
import { philox4x32 } from '../../algorithms/philox.ts';

/** The definition, in big integers. */
function slowPhilox(counter: bigint[], key: bigint[]): bigint[] {
  const mask = 0xffffffffn;
  let [c0, c1, c2, c3] = counter as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key as [bigint, bigint];
  for (let round = 0; round < 10; round += 1) {
    const product0 = c0 * 0xd2511f53n;
    const product1 = c2 * 0xcd9e8d57n;
    [c0, c1, c2, c3] = [(product1 >> 32n) ^ c1 ^ k0, product1 & mask, (product0 >> 32n) ^ c3 ^ k1, product0 & mask];
    [k0, k1] = [(k0 + 0x9e3779b9n) & mask, (k1 + 0xbb67ae85n) & mask];
  }
  return [c0, c1, c2, c3];
}

function words(counter: readonly [number, number, number, number], key0: number, key1: number): number[] {
  const output = new Uint32Array(4);
  philox4x32(...counter, { key0, key1 }, output);
  return [...output];
}

describe('philox4x32', () => {
  test('gives the published words for zero, all-ones and the digits of pi', () => {
    expect(words([0, 0, 0, 0], 0, 0)).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    const ones = 0xffffffff;
    expect(words([ones, ones, ones, ones], ones, ones)).toEqual([0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
    const pi = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344] as const;
    expect(words(pi, 0xa4093822, 0x299f31d0)).toEqual([0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]);
  });

  test('agrees with the definition in big integers', () => {
    for (let index = 0; index < 200; index += 1) {
      const counter = [index * 0x9e3779b1, index * 0x85ebca6b, index, 2 ** 32 - 1 - index].map((word) => word >>> 0);
      const key = [(index * 0xc2b2ae35) >>> 0, (index * 0x27d4eb2f) >>> 0];
      const slow = slowPhilox(counter.map(BigInt), key.map(BigInt)).map(Number);
      expect(words(counter as [number, number, number, number], key[0]!, key[1]!)).toEqual(slow);
    }
  });

  test('writes at the start given and nowhere else', () => {
    const output = new Uint32Array(6).fill(7);
    philox4x32(0, 0, 0, 0, { key0: 0, key1: 0 }, output, 1);
    expect([...output]).toEqual([7, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8, 7]);
  });
});
