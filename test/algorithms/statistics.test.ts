import { describe, expect, test } from 'vitest';
import {
  bootstrapInterval,
  histogram,
  logSumExp,
  mean,
  pairedInterval,
  quantile,
  standardDeviation,
} from '../../algorithms/statistics.ts';
import { createRandom } from '../../algorithms/random-stream.ts';
import { studentTQuantile } from '../../algorithms/student-t.ts';

const CLOSE = { rtol: 1e-12, atol: 0 };

describe('means and quantiles', () => {
  test('are those of the worked norms 1, 2, 3, 4, 100', () => {
    const norms = [100, 2, 3, 1, 4];
    expect(mean(norms)).toBe(22);
    expect(quantile(norms, 0.5)).toBe(3);
    expect([quantile(norms, 0.05), quantile(norms, 0.95)]).toBeAllclose([1.2, 80.8], CLOSE);
    expect([quantile(norms, 0), quantile(norms, 1)]).toEqual([1, 100]);
    expect([standardDeviation([2, 4, 4, 4, 5, 5, 7, 9])]).toBeAllclose([Math.sqrt(32 / 7)], CLOSE);
  });

  test('are NaN without values, and fractions outside [0, 1] are refused', () => {
    expect([mean([]), quantile([], 0.5), standardDeviation([1])]).toEqual([NaN, NaN, NaN]);
    expect(() => quantile([1], 1.5)).toThrow(RangeError);
  });
});

describe('studentTQuantile', () => {
  test('has closed forms for 1 and 2 degrees of freedom', () => {
    for (const confidence of [0.1, 0.5, 0.9, 0.99]) {
      const cauchy = Math.tan((Math.PI * confidence) / 2);
      const two = confidence * Math.sqrt(2 / (1 - confidence ** 2));
      expect([studentTQuantile(1, confidence), studentTQuantile(2, confidence)]).toBeAllclose([cauchy, two], {
        rtol: 1e-9,
        atol: 0,
      });
    }
  });

  test('gives the tabulated values', () => {
    const table = [studentTQuantile(7, 0.95), studentTQuantile(15, 0.95), studentTQuantile(30, 0.99)];
    expect(table).toBeAllclose([2.365, 2.131, 2.75], { rtol: 0, atol: 5e-4 });
    expect(() => studentTQuantile(0, 0.95)).toThrow(RangeError);
    expect(() => studentTQuantile(5, 1)).toThrow(RangeError);
  });
});

describe('intervals', () => {
  test('the paired interval is mean ± t · sd/√n of the differences', () => {
    const { mean: center, low, high } = pairedInterval([5, 7, 9, 11], [4, 5, 6, 7], 0.95);
    // Differences 1, 2, 3, 4: mean 2.5, sd sqrt(5/3), t(3) = 3.182446.
    const margin = (3.182446305284263 * Math.sqrt(5 / 3)) / 2;
    expect([center, low, high]).toBeAllclose([2.5, 2.5 - margin, 2.5 + margin], { rtol: 1e-9, atol: 0 });
    expect(() => pairedInterval([1, 2], [1], 0.95)).toThrow('at least two pairs must be given, got 2 and 1 values');
  });

  const options = { confidence: 0.95, resampleCount: 1000, stream: 'bootstrap', seed: 1 };

  test('the bootstrap interval is near the normal one, and the same each time', () => {
    const random = createRandom('sample', 0);
    const values = Array.from({ length: 400 }, () => random.normal());
    const interval = bootstrapInterval(values, options);
    const margin = 1.96 * (standardDeviation(values) / Math.sqrt(values.length));
    // A 2.5 % quantile of 1000 resamples is off by about 0.08 standard errors; four times that is 0.17 margins.
    expect([interval.low, interval.high]).toBeAllclose([interval.mean - margin, interval.mean + margin], {
      rtol: 0,
      atol: 0.17 * margin,
    });
    expect(bootstrapInterval(values, options)).toEqual(interval);
    expect(bootstrapInterval(values, { ...options, seed: 2 })).not.toEqual(interval);
  });

  test('the bootstrap interval of equal values is a point', () => {
    expect(bootstrapInterval([2, 2, 2], options)).toEqual({ mean: 2, low: 2, high: 2 });
    expect(bootstrapInterval([], options)).toEqual({ mean: NaN, low: NaN, high: NaN });
  });
});

describe('histogram', () => {
  test('counts half-open bins, the last one closed', () => {
    const { edges, counts } = histogram([0, 0.5, 1, 1.5, 2], 2);
    expect([...edges]).toEqual([0, 1, 2]);
    expect([...counts]).toEqual([2, 3]);
  });

  test('leaves out values beyond a given range and widens an empty one', () => {
    expect([...histogram([-1, 0.2, 0.7, 3], 2, [0, 1]).counts]).toEqual([1, 1]);
    expect([...histogram([4, 4], 2).edges]).toEqual([3.5, 4, 4.5]);
    expect([...histogram([], 2).counts]).toEqual([0, 0]);
  });
});

describe('logSumExp', () => {
  test('is stable for large values', () => {
    expect([logSumExp([1000, 1000])]).toBeAllclose([1000 + Math.LN2], CLOSE);
    expect([logSumExp([Math.log(1), Math.log(2), Math.log(3)])]).toBeAllclose([Math.log(6)], CLOSE);
    expect(logSumExp([])).toBe(-Infinity);
  });
});
