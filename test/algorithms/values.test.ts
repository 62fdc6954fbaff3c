import { decodeInt8, encodeInt8 } from '../../algorithms/encoding.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createTaskSums,
  finishTaskSums,
  mergeTaskSums,
  TaskAccumulator,
  taskWarnings,
} from '../../algorithms/task-values.ts';
import type { GradientRow } from '../../algorithms/task-values.ts';
import { maximaOf, SIX_DIGITS, statisticsOf, toGradientRows, valuesOf, WORKED_ROWS } from './worked-example.ts';

const EXACT = { rtol: 0, atol: 0 };
/** Fixed point: each component of a mean is off by at most 2^-31 of its bound. */
const FIXED = { rtol: 0, atol: 2 ** -30 };

describe('values of the worked example', () => {
  const rows = toGradientRows(WORKED_ROWS);
  const statistics = statisticsOf(rows, 2, 3);
  const { mean_of_cosines, cosine_to_mean } = valuesOf(rows, statistics);

  test('task values are the mean norm, its square and the mean norm of the summed loss', () => {
    expect(statistics.taskValue.gradient_norm).toBeAllclose([3.33333, 6], SIX_DIGITS);
    expect(statistics.taskValue.self_influence).toBeAllclose([12.6667, 52], SIX_DIGITS);
    // Token counts 1, 2, 3 and 4, 5.
    expect(statistics.taskValue.gradient_norm_sum).toBeAllclose([(5 + 4 + 9) / 3, (40 + 10) / 2], EXACT);
  });

  test('mean directions and mean gradients are as by hand', () => {
    const { meanDirection, meanGradient, meanGradientNorm } = statistics;
    expect(meanDirection.subarray(0, 3)).toBeAllclose([0.311111, 0.488889, 0.555556], SIX_DIGITS);
    expect(meanDirection.subarray(3)).toBeAllclose([0.5, 0.3, 0.4], SIX_DIGITS);
    expect(meanGradient.subarray(0, 3)).toBeAllclose([1.33333, 2, 1.33333], SIX_DIGITS);
    expect(meanGradient.subarray(3)).toBeAllclose([1, 3, 4], EXACT);
    expect(meanGradientNorm).toBeAllclose([2.74874, 5.09902], SIX_DIGITS);
    expect([Math.hypot(...meanDirection.subarray(0, 3)), Math.hypot(...meanDirection.subarray(3))]).toBeAllclose(
      [0.802773, 0.707107],
      SIX_DIGITS,
    );
  });

  test('instance values of both kinds are as by hand', () => {
    expect(mean_of_cosines).toBeAllclose([0.577778, 0.555556, 0.8, 0.5, 0.5], SIX_DIGITS);
    expect(cosine_to_mean).toBeAllclose([0.873128, 0.485071, 0.970143, 0.980581, 0.196116], SIX_DIGITS);
  });

  test('leaving out the self term changes the mean of cosines alone', () => {
    const without = valuesOf(rows, statistics, false);
    expect(without.mean_of_cosines.subarray(0, 3)).toBeAllclose([0.366667, 0.333333, 0.7], SIX_DIGITS);
    expect(without.mean_of_cosines.subarray(3)).toBeAllclose([0, 0], FIXED);
    expect(without.cosine_to_mean).toBeAllclose(cosine_to_mean, EXACT);
  });
});

describe('values at the edges', () => {
  test('the only row of a task has value 1, and 0 without self term', () => {
    const rows = toGradientRows([{ taskIndex: 0, gradient: [0.1, 0.2, -0.3] }]);
    const statistics = statisticsOf(rows, 1, 3);
    expect([...valuesOf(rows, statistics).mean_of_cosines]).toEqual([1]);
    expect([...valuesOf(rows, statistics).cosine_to_mean]).toEqual([1]);
    expect([...valuesOf(rows, statistics, false).mean_of_cosines]).toEqual([0]);
  });

  test('a zero gradient counts in n_t and has value 0, never NaN', () => {
    const rows = toGradientRows([
      { taskIndex: 0, gradient: [0, 0] },
      { taskIndex: 0, gradient: [0, 4] },
      { taskIndex: 1, gradient: [0, 0] },
    ]);
    const statistics = statisticsOf(rows, 2, 2);
    expect([...statistics.rowCount]).toEqual([2, 1]);
    expect([...statistics.taskValue.gradient_norm]).toEqual([2, 0]);
    expect([...valuesOf(rows, statistics).mean_of_cosines]).toEqual([0, 0.5, 0]);
    expect([...valuesOf(rows, statistics).cosine_to_mean]).toEqual([0, 1, 0]);
    expect([...valuesOf(rows, statistics, false).mean_of_cosines]).toEqual([0, 0, 0]);
  });

  test('gradients that cancel give value 0 and a warning; an empty task has no value and a warning', () => {
    const rows = toGradientRows([
      { taskIndex: 0, gradient: [3, -1] },
      { taskIndex: 0, gradient: [-3, 1] },
    ]);
    const statistics = statisticsOf(rows, 2, 2);
    expect([...valuesOf(rows, statistics).cosine_to_mean]).toEqual([0, 0]);
    expect(statistics.taskValue.gradient_norm[1]).toBeNaN();
    expect(taskWarnings(['x', 'y'], statistics)).toEqual([
      'values: mean gradient of task "x" must not be 0, got 0; cosine_to_mean of its rows is 0',
      'values: task "y" must have a usable row to get a value, got 0',
    ]);
  });

  test('numbers that are not finite are refused', () => {
    const [row] = toGradientRows([{ taskIndex: 0, gradient: [1, 2] }]) as [GradientRow];
    const accumulator = new TaskAccumulator(Float64Array.of(2), 2);
    expect(() => {
      accumulator.add({ ...row, gradient: Float32Array.of(NaN, 1) });
    }).toThrow('components must be finite and at most 2, got a norm of NaN');
    expect(() => {
      accumulator.add({ ...row, gradientNorm: Infinity });
    }).toThrow('numbers must be finite, got Infinity');
  });

  test('sums of other maxima are not merged', () => {
    const merge = (): void => {
      mergeTaskSums(createTaskSums(Float64Array.of(2), 2), createTaskSums(Float64Array.of(5), 2));
    };
    expect(merge).toThrow('merged sums must share sketch and bounds, got 2: 2 and 2: 8');
  });
});

/** (1/n) Σ_j cos(i, j) and the cosine to the raw mean, pair by pair. */
function slowValues(rows: readonly { taskIndex: number; gradient: readonly number[] }[]) {
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  const cosine = (a: readonly number[], b: readonly number[]): number => {
    const norms = Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b));
    return norms === 0 ? 0 : dot(a, b) / norms;
  };
  const peersOf = (taskIndex: number) => rows.filter((row) => row.taskIndex === taskIndex).map((row) => row.gradient);
  return {
    meanOfCosines: rows.map(({ taskIndex, gradient }) => {
      const peers = peersOf(taskIndex);
      return peers.reduce((sum, peer) => sum + cosine(gradient, peer), 0) / peers.length;
    }),
    withoutSelf: rows.map((row) => {
      const peers = peersOf(row.taskIndex).filter((peer) => peer !== row.gradient);
      return peers.length === 0 ? 0 : peers.reduce((sum, peer) => sum + cosine(row.gradient, peer), 0) / peers.length;
    }),
    cosineToMean: rows.map(({ taskIndex, gradient }) => {
      const peers = peersOf(taskIndex);
      return cosine(
        gradient,
        gradient.map((_, i) => peers.reduce((sum, peer) => sum + peer[i]!, 0) / peers.length),
      );
    }),
  };
}

const SKETCH = 16;
const component = fc.float({ min: -100, max: 100, noNaN: true }).map((value) => (Math.abs(value) < 1e-3 ? 1 : value));
const anyRows = fc.array(
  fc.record({ taskIndex: fc.nat(2), gradient: fc.array(component, { minLength: SKETCH, maxLength: SKETCH }) }),
  { minLength: 1, maxLength: 24 },
);

describe('values of any rows', () => {
  test('agree with the sums over all pairs', () => {
    const property = fc.property(anyRows, (examples) => {
      const rows = toGradientRows(examples);
      const statistics = statisticsOf(rows, 3, SKETCH);
      const slow = slowValues(examples);
      const { mean_of_cosines, cosine_to_mean } = valuesOf(rows, statistics);
      // A dot product with means off by 2^-31 a component: at most √k · 2^-31, and twice that without self term.
      const tolerance = { rtol: 0, atol: Math.sqrt(SKETCH) * 2 ** -30 };
      expect(mean_of_cosines).toBeAllclose(slow.meanOfCosines, tolerance);
      expect(valuesOf(rows, statistics, false).mean_of_cosines).toBeAllclose(slow.withoutSelf, tolerance);
      // The mean of raw gradients is off by up to 2^-31 of the bound 128 and may itself be small.
      rows.forEach((row, index) => {
        const allowed = (2 * Math.sqrt(SKETCH) * 128 * 2 ** -31) / statistics.meanGradientNorm[row.taskIndex]!;
        expect(Math.abs(cosine_to_mean[index]! - slow.cosineToMean[index]!)).toBeLessThanOrEqual(allowed + 1e-12);
      });
    });
    fc.assert(property, { numRuns: 100 });
  });

  test('have ‖m_t‖² as the mean of cosines over the task', () => {
    fc.assert(
      fc.property(anyRows, (examples) => {
        const rows = toGradientRows(examples.map((row) => ({ ...row, taskIndex: 0 })));
        const statistics = statisticsOf(rows, 1, SKETCH);
        const values = valuesOf(rows, statistics).mean_of_cosines;
        const mean = values.reduce((sum, value) => sum + value, 0) / rows.length;
        const square = statistics.meanDirection.reduce((sum, value) => sum + value * value, 0);
        expect([mean]).toBeAllclose([square], { rtol: 0, atol: Math.sqrt(SKETCH) * 2 ** -30 });
      }),
      { numRuns: 100 },
    );
  });

  test('have the same bits for any order of rows and any shards', () => {
    const property = fc.property(anyRows, fc.nat(24), fc.nat(24), (examples, firstCut, secondCut) => {
      const rows = toGradientRows(examples);
      const maxima = maximaOf(rows, 3, SKETCH);
      const [low, high] = [Math.min(firstCut, secondCut), Math.max(firstCut, secondCut)];
      const shards = [rows.slice(high).reverse(), rows.slice(0, low), rows.slice(low, high).reverse()].map((part) => {
        const accumulator = new TaskAccumulator(maxima, SKETCH);
        for (const row of part) accumulator.add(row);
        return accumulator.sums;
      });
      const merged = createTaskSums(maxima, SKETCH);
      for (const shard of shards) mergeTaskSums(merged, shard);
      expect(finishTaskSums(merged)).toEqual(statisticsOf(rows, 3, SKETCH));
    });
    fc.assert(property, { numRuns: 100 });
  });

  test('of encoded rows have the bits of the decoded rows', () => {
    const property = fc.property(anyRows, (examples) => {
      const rows = toGradientRows(examples);
      const encoded = encodeInt8(rows[0]?.gradient ?? new Float32Array(0), SKETCH);
      const codes = rows.map((row, index) => ({ ...row, gradient: encoded.codes, scale: encoded.scales[index]! }));
      const gradient = decodeInt8(encoded, SKETCH);
      const decoded = rows.map((row) => ({ ...row, gradient }));
      const statistics = statisticsOf(decoded, 3, SKETCH);
      expect(statisticsOf(codes, 3, SKETCH)).toEqual(statistics);
      for (const selfTerm of [true, false])
        expect(valuesOf(codes, statistics, selfTerm)).toEqual(valuesOf(decoded, statistics, selfTerm));
    });
    fc.assert(property, { numRuns: 100 });
  });

  test('do not change when all gradients are scaled by a power of two', () => {
    const property = fc.property(anyRows, (examples) => {
      const rows = toGradientRows(examples);
      const larger = toGradientRows(
        examples.map((row) => ({ ...row, gradient: row.gradient.map((value) => value * 2 ** 40) })),
      );
      expect(valuesOf(larger, statisticsOf(larger, 3, SKETCH))).toEqual(valuesOf(rows, statisticsOf(rows, 3, SKETCH)));
    });
    fc.assert(property, { numRuns: 50 });
  });
});
