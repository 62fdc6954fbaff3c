// Paired tests against closed forms and counted signs.
import { describe, expect, test } from 'vitest';
import { holmAdjusted, pairedTTest, signedRankTest } from '../../algorithms/paired-tests.ts';
import { studentTTail } from '../../algorithms/student-t.ts';

const DIFFERENCES = [-4.1, -2.4, -7.4, -2.2, -1.3];

describe('the tail of Student’s t', () => {
  test('is that of the Cauchy distribution at one degree of freedom', () => {
    for (const t of [0, 0.3, 1, 12]) expect(studentTTail(t, 1)).toBeCloseTo(1 - (2 / Math.PI) * Math.atan(t), 12);
  });

  test('agrees with the table at 7 degrees of freedom, on both sides', () => {
    expect(studentTTail(2.364624, 7)).toBeCloseTo(0.05, 6);
    expect(studentTTail(-2.364624, 7)).toBeCloseTo(0.05, 6);
  });

  test('refuses what is no number', () => {
    expect(() => studentTTail(NaN, 3)).toThrow('t a number');
    expect(() => studentTTail(1, 0)).toThrow('degrees of freedom must be ≥ 1');
  });
});

describe('the paired t-test', () => {
  test('gives the p-value of t = mean / (sd / √n)', () => {
    // mean −3.48, sd 2.4139, t −3.2237, 4 degrees of freedom.
    expect(pairedTTest(DIFFERENCES)).toBeCloseTo(0.03214, 4);
  });

  test('says 0 of equal differences and 1 of none', () => {
    expect(pairedTTest([0.5, 0.5, 0.5])).toBe(0);
    expect(pairedTTest([0, 0])).toBe(1);
    expect(() => pairedTTest([1])).toThrow('at least two pairs must be given, got 1');
  });
});

describe('the signed-rank test', () => {
  test('of five differences of one sign is 2 of 2^5', () => {
    expect(signedRankTest(DIFFERENCES)).toBe(2 / 32);
  });

  test('counts as all signs one by one do', () => {
    const some = [1.5, -0.5, 2, 2, -2, 0, 0.25, 3];
    expect(signedRankTest(some)).toBeCloseTo(slowTail(some), 14);
  });

  test('is near the counted value where it is taken as normal', () => {
    const many = Array.from({ length: 40 }, (_, index) => (index % 3 === 0 ? -1 : 1) * (index + 1));
    // W⁺ = 533 of 820; all 2^40 signs counted give 0.10003, z = (|533 − 410| − ½) / √5535 gives 0.09965.
    expect(signedRankTest(many)).toBeCloseTo(0.09965, 5);
  });

  test('is 1 without a difference and does not depend on the order or the sign', () => {
    expect(signedRankTest([0, 0])).toBe(1);
    expect(signedRankTest(DIFFERENCES.toReversed())).toBe(signedRankTest(DIFFERENCES));
    expect(signedRankTest([3, -1, 2].map((value) => -value))).toBe(signedRankTest([3, -1, 2]));
  });
});

describe('Holm’s adjustment', () => {
  test('multiplies by what is left and never falls', () => {
    const adjusted = holmAdjusted([0.01, 0.04, 0.03, 0.005]);
    [0.03, 0.06, 0.06, 0.02].forEach((value, index) => expect(adjusted[index]).toBeCloseTo(value, 12));
  });

  test('of one test is its own, and ends at 1', () => {
    expect(holmAdjusted([0.2])).toEqual([0.2]);
    expect(holmAdjusted([0.9, 0.8])).toEqual([1, 1]);
    expect(holmAdjusted([])).toEqual([]);
  });
});

/** Two-sided tail by walking all 2^n signs. */
function slowTail(differences: readonly number[]): number {
  const left = differences.filter((difference) => difference !== 0);
  const rankOf = (value: number): number => {
    const below = left.filter((other) => Math.abs(other) < Math.abs(value)).length;
    const equal = left.filter((other) => Math.abs(other) === Math.abs(value)).length;
    return below + (equal + 1) / 2;
  };
  const ranks = left.map(rankOf);
  const middle = ranks.reduce((sum, rank) => sum + rank, 0) / 2;
  const distance = Math.abs(left.reduce((sum, value, index) => sum + (value > 0 ? ranks[index]! : 0), 0) - middle);
  let far = 0;
  for (let signs = 0; signs < 2 ** left.length; signs += 1) {
    const sum = ranks.reduce((total, rank, index) => total + ((signs >> index) & 1) * rank, 0);
    if (Math.abs(sum - middle) >= distance - 1e-12) far += 1;
  }
  return far / 2 ** left.length;
}
