import { describe, expect, test } from 'vitest';
import { learningRateAt } from '../../model/learning-rate.ts';

describe('the learning rate', () => {
  const rates = (stepCount: number, kind: 'cosine' | 'constant', warmupFraction: number): number[] =>
    Array.from({ length: stepCount }, (_, step) =>
      learningRateAt(step, stepCount, { kind, learningRate: 8, warmupFraction }),
    );

  test('falls by half a cosine without warm-up', () => {
    expect(rates(4, 'cosine', 0)).toBeAllclose([8, 4 + 4 * Math.SQRT1_2, 4, 4 - 4 * Math.SQRT1_2], {
      rtol: 1e-15,
      atol: 1e-15,
    });
  });

  test('rises to its peak over the warm-up steps, whose number is rounded up, then falls', () => {
    expect(rates(6, 'cosine', 0.3)).toBeAllclose([4, 8, 8, 4 + 4 * Math.SQRT1_2, 4, 4 - 4 * Math.SQRT1_2], {
      rtol: 1e-15,
      atol: 1e-15,
    });
  });

  test('stays at its peak where it is constant', () => {
    expect(rates(4, 'constant', 0.5)).toEqual([4, 8, 8, 8]);
  });

  test('is finite for a single step', () => {
    expect(rates(1, 'cosine', 0)).toEqual([8]);
    expect(rates(1, 'cosine', 1)).toEqual([8]);
  });
});
