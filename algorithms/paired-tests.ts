// Tests of paired differences, and what several of them together are worth.
import { mean, standardDeviation } from './statistics.ts';
import { studentTTail } from './student-t.ts';

/** Up to here all 2^n signs are counted; above, the rank sum is taken as normal. */
const MOST_COUNTED_PAIRS = 25;

/**
 * Two-sided p-value of the paired t-test of mean 0: t = mean d / (sd(d)/√n) with n − 1 degrees of freedom.
 *
 * @param differences [pair], at least two. All equal give 0, or 1 where they are 0.
 * @throws RangeError below two pairs.
 */
export function pairedTTest(differences: ArrayLike<number>): number {
  if (differences.length < 2)
    throw new RangeError(`paired t-test: at least two pairs must be given, got ${differences.length}`);
  const error = standardDeviation(differences) / Math.sqrt(differences.length);
  const center = mean(differences);
  if (error === 0) return center === 0 ? 1 : 0;
  return studentTTail(center / error, differences.length - 1);
}

/**
 * Two-sided p-value of Wilcoxon's signed-rank test: W⁺ = Σ ranks of |d| over d > 0, ties at their mean rank, pairs of
 * no difference left out. Exact, by counting all signs, up to 25 pairs; above by the normal distribution with the
 * variance corrected for ties and half a rank for continuity.
 *
 * @param differences [pair]; none, or only zeros, give 1.
 * @see Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1 (1945)
 */
export function signedRankTest(differences: ArrayLike<number>): number {
  const left = Array.from(differences).filter((difference) => difference !== 0);
  if (left.length === 0) return 1;
  // Twice the ranks, so that mean ranks are whole numbers.
  const doubled = doubledRanks(left.map(Math.abs));
  const sum = doubled.reduce((total, rank, index) => total + (left[index]! > 0 ? rank : 0), 0);
  const most = doubled.reduce((total, rank) => total + rank, 0);
  const distance = Math.abs(sum - most / 2);
  return left.length <= MOST_COUNTED_PAIRS ? countedTail(doubled, distance) : normalTail(doubled, distance);
}

/** [value] twice the rank by size, from 1; equal values share the mean of their ranks. */
function doubledRanks(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((first, second) => values[first]! - values[second]!);
  const ranks = new Array<number>(values.length).fill(0);
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end += 1;
    for (let place = start; place < end; place += 1) ranks[order[place]!] = start + 1 + end;
    start = end;
  }
  return ranks;
}

/** Share of all signs whose sum is as far from the middle. */
function countedTail(doubled: readonly number[], distance: number): number {
  const most = doubled.reduce((total, rank) => total + rank, 0);
  let counts = new Float64Array(most + 1);
  counts[0] = 1;
  for (const rank of doubled) {
    const next = Float64Array.from(counts);
    for (let sum = rank; sum <= most; sum += 1) next[sum]! += counts[sum - rank]!;
    counts = next;
  }
  const far = counts.reduce((total, ways, sum) => total + (Math.abs(sum - most / 2) >= distance ? ways : 0), 0);
  return far / 2 ** doubled.length;
}

function normalTail(doubled: readonly number[], distance: number): number {
  const variance = doubled.reduce((total, rank) => total + (rank / 2) ** 2, 0) / 4;
  const z = Math.max(0, distance / 2 - 0.5) / Math.sqrt(variance);
  // The normal distribution as Student's t of very many degrees of freedom.
  return studentTTail(z, 1e7);
}

/**
 * Holm's step-down adjustment: with p ascending, p̃_(i) = max_{j ≤ i} min(1, (m − j + 1) · p_(j)). The chance of one
 * false finding among all m is at most the level at which p̃ is read.
 *
 * @param pValues [test] in [0, 1].
 * @returns [test] adjusted p-values.
 * @see Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statistics 6 (1979)
 */
export function holmAdjusted(pValues: readonly number[]): number[] {
  const order = pValues.map((_, index) => index).sort((first, second) => pValues[first]! - pValues[second]!);
  const adjusted = new Array<number>(pValues.length).fill(1);
  let least = 0;
  order.forEach((test, place) => {
    least = Math.max(least, Math.min(1, (pValues.length - place) * pValues[test]!));
    adjusted[test] = least;
  });
  return adjusted;
}
