import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kendallTau, rankingOf, spearmanRhos } from '../../algorithms/rank-correlation.ts';

/** By the definition, pair by pair. */
function slowTau(x: readonly number[], y: readonly number[]): number {
  let [excess, untiedX, untiedY] = [0, 0, 0];
  for (let i = 0; i < x.length; i += 1)
    for (let j = 0; j < i; j += 1) {
      const [dx, dy] = [Math.sign(x[i]! - x[j]!), Math.sign(y[i]! - y[j]!)];
      excess += dx * dy;
      untiedX += dx === 0 ? 0 : 1;
      untiedY += dy === 0 ? 0 : 1;
    }
  return excess / Math.sqrt(untiedX * untiedY);
}

describe("Kendall's tau", () => {
  test.each([
    [[1, 2, 3], [4, 5, 6], 1],
    [[1, 2, 3], [6, 5, 4], -1],
    // scipy.stats.kendalltau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])
    [[12, 2, 1, 12, 2], [1, 4, 7, 1, 0], -0.47140452079103173],
  ])('of %j and %j is %d', (x, y, wanted) => {
    expect(kendallTau(x, y)).toBeCloseTo(wanted, 14);
  });

  test('is that of the definition, ties or none', () => {
    const pairs = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 9 })), { maxLength: 40 });
    fc.assert(
      fc.property(pairs, (rows) => {
        const [x, y] = [rows.map(([left]) => left), rows.map(([, right]) => right)];
        const [fast, slow] = [kendallTau(x, y), slowTau(x, y)];
        if (Number.isNaN(slow)) expect(fast).toBeNaN();
        else expect(fast).toBeCloseTo(slow, 12);
      }),
      { numRuns: 300 },
    );
  });
});

/** By the definition: the resample is written out, items get the mean rank of their equals, ranks are correlated. */
function slowRho(x: readonly number[], y: readonly number[], counts: readonly number[]): number {
  const items = counts.flatMap((count, item) => Array.from({ length: count }, () => item));
  const ranks = (values: readonly number[]): number[] =>
    items.map((item) => {
      const below = items.filter((other) => values[other]! < values[item]!).length;
      const equal = items.filter((other) => values[other] === values[item]).length;
      return below + (equal + 1) / 2;
    });
  const [left, right] = [ranks(x), ranks(y)];
  const mean = (items.length + 1) / 2;
  const product = (one: readonly number[], other: readonly number[]): number =>
    one.reduce((sum, rank, place) => sum + (rank - mean) * (other[place]! - mean), 0);
  return product(left, right) / Math.sqrt(product(left, left) * product(right, right));
}

describe("Spearman's rho", () => {
  const rhoOf = (x: readonly number[], y: readonly number[], counts: readonly number[]): number =>
    spearmanRhos(rankingOf(x), rankingOf(y), Uint16Array.from(counts))[0]!;

  test.each([
    [[1, 2, 3], [40, 50, 600], 1],
    [[1, 2, 3], [6, 5, 4], -1],
    // 1 − 6 Σd²/(n(n² − 1)) with d = 1, 1, 1, 1, 0.
    [[1, 2, 3, 4, 5], [2, 1, 4, 3, 5], 1 - (6 * 4) / 120],
  ])('of %j and %j is %d', (x, y, wanted) => {
    expect(
      rhoOf(
        x,
        y,
        x.map(() => 1),
      ),
    ).toBeCloseTo(wanted, 14);
  });

  test('is that of the definition in every resample, ties or none', () => {
    const triple = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 8 }), fc.nat({ max: 3 }));
    fc.assert(
      fc.property(fc.array(triple, { minLength: 1, maxLength: 20 }), (rows) => {
        const [x, y] = [rows.map(([left]) => left), rows.map(([, right]) => right)];
        const counts = rows.map(([, , count]) => count);
        const [fast, slow] = [rhoOf(x, y, counts), slowRho(x, y, counts)];
        if (Number.isNaN(slow)) expect(fast).toBeNaN();
        else expect(fast).toBeCloseTo(slow, 12);
      }),
      { numRuns: 300 },
    );
  });

  test('is not a number where a list is constant in the resample', () => {
    expect(rhoOf([1, 1, 1], [1, 2, 3], [1, 1, 1])).toBeNaN();
    expect(rhoOf([1, 2, 3], [4, 4, 6], [2, 1, 0])).toBeNaN();
    expect(rhoOf([1, 2], [1, 2], [1, 0])).toBeNaN();
  });
});
