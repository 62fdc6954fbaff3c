import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kendallTau } from '../../algorithms/rank-correlation.ts';

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
