import { describe, expect, test } from 'vitest';
import {
  addToSubsets,
  createDatamodelScorer,
  createSubsetSums,
  predictOutcomes,
} from '../../algorithms/linear-datamodelling.ts';
import { encodeInt8 } from '../../algorithms/encoding.ts';
import { createRandom } from '../../algorithms/random-stream.ts';
import { quantile } from '../../algorithms/statistics.ts';
import { subsetSeeds } from '../../algorithms/subset-seeds.ts';
import type { LdsScore } from '../../contracts/messages/benchmark.ts';

const [SKETCH, ROWS, TESTS, SUBSETS] = [8, 40, 12, 10];
const random = createRandom('test/lds', 1);
const gradients = (count: number): Float32Array[] =>
  Array.from({ length: count }, () => Float32Array.from({ length: SKETCH }, () => random.normal()));
const [rows, tests] = [gradients(ROWS), gradients(TESTS)];
const subsets = Array.from({ length: SUBSETS }, () => rows.map(() => random.uniform() < 0.5));

/** By the definition: the cosines of the rows of each subset, one by one. */
function slowPredictions(test: Float32Array): number[] {
  const dot = (left: Float32Array, right: Float32Array): number =>
    left.reduce((sum, value, place) => sum + value * right[place]!, 0);
  const cosine = (row: Float32Array): number => dot(row, test) / Math.sqrt(dot(row, row) * dot(test, test));
  return subsets.map((isIn) => rows.reduce((sum, row, index) => sum + (isIn[index]! ? cosine(row) : 0), 0));
}

function sumsOf(given: readonly (Float32Array | Int8Array)[]) {
  const sums = createSubsetSums(SUBSETS, SKETCH);
  for (const [index, row] of given.entries()) addToSubsets(sums, row, (subset) => subsets[subset]![index]!);
  return sums;
}

describe('what subsets predict', () => {
  test('is the sum of the cosines of their rows', () => {
    for (const one of tests)
      expect(predictOutcomes(sumsOf(rows), one)).toBeAllclose(slowPredictions(one), { rtol: 1e-12, atol: 1e-12 });
  });

  test('does not depend on the scale of a gradient, and is nearly the same of int8 codes', () => {
    const [plain] = tests;
    const scaled = rows.map((row) => row.map((value) => 8 * value));
    const codes = rows.map((row) => encodeInt8(row, SKETCH).codes);
    const wanted = slowPredictions(plain!);
    expect(predictOutcomes(sumsOf(scaled), plain!)).toBeAllclose(wanted, { rtol: 1e-12, atol: 1e-12 });
    expect(predictOutcomes(sumsOf(codes), plain!)).toBeAllclose(wanted, { rtol: 0, atol: 0.05 });
  });

  test('is 0 for a row without direction', () => {
    expect([...predictOutcomes(sumsOf(rows), new Float32Array(SKETCH))]).toEqual(new Array(SUBSETS).fill(0));
    expect([...sumsOf([new Float32Array(SKETCH)]).sums]).toEqual(new Array(SUBSETS * SKETCH).fill(0));
  });
});

/** The score of all test rows in one task. @param measure of the prediction, and of what has nothing to do with it */
function scoreOf(measure: (predicted: number, noise: number) => number, count = TESTS): LdsScore {
  const noise = createRandom('test/lds/noise', 2);
  const scorer = createDatamodelScorer(SUBSETS, 7);
  for (const one of tests.slice(0, count)) {
    const predicted = slowPredictions(one);
    const measured = predicted.map((value) => measure(value, noise.normal()));
    scorer.add('task', predicted, measured);
  }
  return scorer.scores().all;
}

describe('the linear datamodelling score', () => {
  test('is 1 in a world that is linear, whatever its scale, and −1 in the opposite one', () => {
    expect(scoreOf((predicted) => 3 * predicted - 5)).toEqual({
      score: expect.closeTo(1, 12),
      interval: [expect.closeTo(1, 12), expect.closeTo(1, 12)],
      rowCount: TESTS,
      constantCount: 0,
    });
    expect(scoreOf((predicted) => -predicted).score).toBeCloseTo(-1, 12);
  });

  test('is about 0, within its interval, where outcomes have nothing to do with predictions', () => {
    const { score, interval } = scoreOf((_, noise) => noise);
    expect(Math.abs(score!)).toBeLessThan(0.3);
    expect(interval![0]).toBeLessThan(0);
    expect(interval![1]).toBeGreaterThan(0);
  });

  test('lies between for outcomes with noise', () => {
    const { score, interval } = scoreOf((predicted, noise) => predicted + 2 * noise);
    expect(score).toBeGreaterThan(0.3);
    expect(score).toBeLessThan(0.95);
    expect(interval![0]).toBeLessThan(score!);
    expect(interval![1]).toBeGreaterThan(score!);
  });

  test('has the interval of a bootstrap over the subsets, written out', () => {
    const draws = createRandom('benchmark/lds', 7);
    const noise = createRandom('test/lds/noise', 2);
    const worlds = tests.map((one) => {
      const predicted = slowPredictions(one);
      return { predicted, measured: predicted.map((value) => value + 2 * noise.normal()) };
    });
    const ranks = (values: readonly number[]): number[] =>
      values.map(
        (value) =>
          values.filter((other) => other < value).length + (values.filter((other) => other === value).length + 1) / 2,
      );
    const rho = (x: readonly number[], y: readonly number[]): number => {
      const [left, right] = [ranks(x), ranks(y)];
      const mean = (x.length + 1) / 2;
      const product = (a: readonly number[], b: readonly number[]): number =>
        a.reduce((sum, rank, place) => sum + (rank - mean) * (b[place]! - mean), 0);
      return product(left, right) / Math.sqrt(product(left, left) * product(right, right));
    };
    const means = Array.from({ length: 1000 }, () => {
      const drawn = Array.from({ length: SUBSETS }, () => draws.integer(SUBSETS));
      const rhos = worlds.map(({ predicted, measured }) =>
        rho(
          drawn.map((subset) => predicted[subset]!),
          drawn.map((subset) => measured[subset]!),
        ),
      );
      return rhos.reduce((sum, one) => sum + one, 0) / rhos.length;
    });
    const { interval } = scoreOf((predicted, own) => predicted + 2 * own);
    expect(interval).toBeAllclose([quantile(means, 0.025), quantile(means, 0.975)], { rtol: 0, atol: 1e-12 });
  });

  test('is by task, and leaves out and counts rows that order nothing', () => {
    const scorer = createDatamodelScorer(4, 7);
    scorer.add('tell', [1, 2, 3, 4], [1, 2, 3, 4]);
    scorer.add('name', [1, 2, 3, 4], [4, 3, 2, 1]);
    scorer.add('name', [0, 0, 0, 0], [4, 3, 2, 1]);
    scorer.add('sum', [1, 2, 3, 4], [5, 5, 5, 5]);
    const { all, tasks } = scorer.scores();
    expect(all).toMatchObject({ score: 0, rowCount: 2, constantCount: 2 });
    expect(tasks).toEqual([
      { task: 'name', score: expect.closeTo(-1, 12), interval: expect.anything(), rowCount: 1, constantCount: 1 },
      { task: 'sum', score: null, interval: null, rowCount: 0, constantCount: 1 },
      { task: 'tell', score: expect.closeTo(1, 12), interval: expect.anything(), rowCount: 1, constantCount: 0 },
    ]);
  });

  test('has no interval for two subsets', () => {
    const scorer = createDatamodelScorer(2, 7);
    scorer.add('tell', [1, 2], [1, 2]);
    expect(scorer.scores().all).toMatchObject({ score: 1, interval: null });
  });
});

describe('seeds of subsets', () => {
  test('differ from one another, from those of other runs and from those that are compared', () => {
    const seeds = [0, 42, 43, 2 ** 40].flatMap((seed) => subsetSeeds(seed, 200));
    expect(new Set(seeds).size).toBe(800);
    expect(seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 2 ** 52)).toBe(true);
  });

  test('begin with the same ones where there are more', () => {
    expect(subsetSeeds(42, 9).slice(0, 3)).toEqual(subsetSeeds(42, 3));
    expect(subsetSeeds(42, 0)).toEqual([]);
  });
});
