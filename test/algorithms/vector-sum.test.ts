import { describe, expect, test } from 'vitest';
import { mergeFixedPoint, powerOfTwoBound } from '../../algorithms/vector-sum.ts';

describe('powerOfTwoBound', () => {
  test('is the least power of two that is large enough', () => {
    expect([0, 1, 3, 8, 8.001, 0.5, 0.3].map(powerOfTwoBound)).toEqual([1, 1, 4, 8, 16, 0.5, 0.5]);
    // The smallest and the largest float32 number.
    expect([2 ** -149, (2 - 2 ** -23) * 2 ** 127].map(powerOfTwoBound)).toEqual([2 ** -149, 2 ** 128]);
  });
});

describe('fixed-point sums', () => {
  test('merge by adding', () => {
    const sums = Float64Array.of(2 ** 52, -3);
    mergeFixedPoint(sums, Float64Array.of(1, 3));
    expect([...sums]).toEqual([2 ** 52 + 1, 0]);
  });
});
