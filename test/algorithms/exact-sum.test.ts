import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addExact, createExactSum, exactValue, mergeExact } from '../../algorithms/exact-sum.ts';
import type { ExactSum } from '../../algorithms/exact-sum.ts';

function sumOf(values: readonly number[]): ExactSum {
  const sum = createExactSum();
  for (const value of values) addExact(sum, value);
  return sum;
}

/** Exact sum of numbers m·2^-1074 in big integers, rounded once by the conversion of a decimal fraction. */
function slowSum(values: readonly number[]): number {
  const unit = 1074n;
  let total = 0n;
  for (const value of values) {
    const bits = new DataView(Float64Array.of(value).buffer).getBigUint64(0, true);
    const exponent = (bits >> 52n) & 0x7ffn;
    const fraction = bits & 0xfffffffffffffn;
    const integer = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
    total += bits >> 63n ? -integer : integer;
  }
  // total / 2^1074 = total · 5^1074 / 10^1074, a decimal that Number() rounds correctly.
  return Number(`${total * 5n ** unit}e-1074`);
}

const anyNumber = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 });

describe('exact sum', () => {
  test('is exact where plain adding loses digits', () => {
    expect(exactValue(sumOf([1e100, 1, -1e100]))).toBe(1);
    expect(exactValue(sumOf(Array.from({ length: 10 }, () => 0.1)))).toBe(1);
    expect(exactValue(createExactSum())).toBe(0);
  });

  test('rounds half to even, and away from it where smaller parts decide', () => {
    expect(exactValue(sumOf([1, 2 ** -53]))).toBe(1);
    expect(exactValue(sumOf([1, 2 ** -53, 2 ** -110]))).toBe(1 + 2 ** -52);
    expect(exactValue(sumOf([1 + 2 ** -52, 2 ** -53, -(2 ** -110)]))).toBe(1 + 2 ** -52);
  });

  test('agrees with big integers', () => {
    fc.assert(
      fc.property(fc.array(anyNumber, { maxLength: 20 }), (values) => {
        expect(exactValue(sumOf(values)) + 0).toBe(slowSum(values) + 0);
      }),
      { numRuns: 200 },
    );
  });

  test('has the same bits for any order and any split', () => {
    const property = fc.property(fc.array(anyNumber, { maxLength: 30 }), fc.nat(30), (values, cut) => {
      const merged = sumOf(values.slice(cut).reverse());
      mergeExact(merged, sumOf(values.slice(0, cut)));
      expect(exactValue(merged)).toBe(exactValue(sumOf(values)));
    });
    fc.assert(property, { numRuns: 200 });
  });

  test('refuses what is not finite', () => {
    expect(() => sumOf([1, NaN])).toThrow('exact sum: numbers must be finite, got NaN');
    expect(() => sumOf([Infinity])).toThrow(RangeError);
    expect(() => sumOf([Number.MAX_VALUE, Number.MAX_VALUE])).toThrow('overflow');
  });
});
