// Weighted sampling without replacement by Gumbel keys: order, probabilities, effective size.
import { CONTENT_HASH_BYTES, createContentStream, gumbel } from './random-stream.ts';

/** Rows that a sample is drawn from, or part of them by position. */
export interface SampledRows {
  /** [example] row_index of the dataset. */
  rowIndex: Uint32Array;
  /** [example, 32] SHA-256 of each row's content. */
  contentHash: Uint8Array;
  /** [example] w > 0 that the probability of each row is multiplied by in a draw; not there: 1 each. */
  weight?: Float64Array;
}

/** [example] numbers that rows are ranked by. */
export type Scores = Float64Array | Uint32Array;

/** A group of rows in draw order: any first b of them are a sample of size b. */
export interface DrawOrder {
  /** [group] positions in the columns, first drawn first. */
  position: Uint32Array;
  /** [group] key of each, descending. */
  key: Float64Array;
}

/**
 * Numbers identical rows of a group: 0 for the first by ascending row_index, 1 for the next, …
 *
 * @param group positions in the columns, in any order.
 * @returns [group] occurrence of each. O(n) for a group in ascending order, else O(n log n).
 */
export function numberOccurrences(rows: SampledRows, group: Uint32Array): Uint32Array {
  const occurrence = new Uint32Array(group.length);
  // Open addressing by the first bytes of the content, which are as random as a hash needs to be.
  const slotCount = 2 ** Math.ceil(Math.log2(Math.max(2, 2 * group.length)));
  const firsts = new Int32Array(slotCount).fill(-1);
  const counts = new Uint32Array(group.length);
  for (const index of ascendingOrder(rows, group)) {
    const position = group[index]!;
    let slot = firstWord(rows.contentHash, position) & (slotCount - 1);
    while (firsts[slot]! >= 0 && compareHashes(rows.contentHash, group[firsts[slot]!]!, position) !== 0)
      slot = (slot + 1) & (slotCount - 1);
    if (firsts[slot]! < 0) firsts[slot] = index;
    const first = firsts[slot]!;
    occurrence[index] = counts[first]!;
    counts[first]! += 1;
  }
  return occurrence;
}

/** Places in the group by ascending row_index. */
function ascendingOrder({ rowIndex }: SampledRows, group: Uint32Array): Uint32Array {
  const order = Uint32Array.from(group.keys());
  const isAscending = group.every(
    (position, index) => index === 0 || rowIndex[group[index - 1]!]! <= rowIndex[position]!,
  );
  return isAscending ? order : order.sort((left, right) => rowIndex[group[left]!]! - rowIndex[group[right]!]!);
}

function firstWord(contentHash: Uint8Array, position: number): number {
  const start = position * CONTENT_HASH_BYTES;
  return (
    (contentHash[start]! << 24) |
    (contentHash[start + 1]! << 16) |
    (contentHash[start + 2]! << 8) |
    contentHash[start + 3]!
  );
}

/**
 * Orders a group for weighted sampling without replacement (Gumbel top-k): by key = λ·s + ln w + G, G = −ln(−ln u), u
 * by content, descending; ties by smaller content hash, then smaller occurrence.
 *
 * The first b rows have the law of drawing one row at a time from p ∝ w e^{λs}, renormalised over the rows left. A
 * larger b gives a superset, and another row in the group changes no row's key. No softmax, so no underflow at large λ.
 * λ = 0 or no scores: uniform but for weights.
 *
 * Differs: the released code draws by NumPy's unseeded `choice(p, replace=False)`; same law, other draws.
 *
 * @param group positions in the columns, in any order.
 * @param stream named stream, e.g. `select/instance/gqa`.
 * @param score null, or s of every row of the columns [example] with its sharpness λ; must be finite.
 * @throws RangeError where a score is not finite.
 * @see arXiv:1903.06059
 */
export function drawOrder(
  rows: SampledRows,
  group: Uint32Array,
  stream: string,
  seed: number,
  score: { values: Float64Array; lambda: number } | null,
): DrawOrder {
  const draws = createContentStream(stream, seed);
  const occurrence = numberOccurrences(rows, group);
  const keys = new Float64Array(group.length);
  for (let index = 0; index < group.length; index += 1) {
    const position = group[index]!;
    const noise = gumbel(draws.uniform(rows.contentHash, position, occurrence[index]!));
    const value = score === null ? noise : score.lambda * score.values[position]! + noise;
    const key = rows.weight === undefined ? value : value + Math.log(rows.weight[position]!);
    if (!Number.isFinite(key)) {
      const got = `${score?.values[position]} in row ${rows.rowIndex[position]}`;
      throw new RangeError(`sampling: lambda · value must be finite, got ${got}`);
    }
    keys[index] = key;
  }
  return orderBy([keys], rows, group, occurrence);
}

/**
 * Orders a group by a score alone, largest first; ties by a second score where there is one, then by the Gumbel value
 * of the stream, then content hash, then occurrence: the order of deterministic top-b selection.
 *
 * @param score [example] of every row of the columns; must not be NaN.
 * @throws RangeError where a score is NaN.
 */
export function topOrder(
  rows: SampledRows,
  group: Uint32Array,
  stream: string,
  seed: number,
  score: Scores,
  second?: Scores,
): DrawOrder {
  const draws = createContentStream(stream, seed);
  const occurrence = numberOccurrences(rows, group);
  const [scores, ...others] = [score, ...(second === undefined ? [] : [second])].map((column) =>
    Float64Array.from(group, (position) => column[position]!),
  ) as [Float64Array, ...Float64Array[]];
  if (scores.some(Number.isNaN)) throw new RangeError('sampling: scores must be numbers, got NaN');
  const noise = Float64Array.from(group, (position, index) =>
    gumbel(draws.uniform(rows.contentHash, position, occurrence[index]!)),
  );
  return orderBy([scores, ...others, noise], rows, group, occurrence);
}

/** Descending by the first key that differs, then ascending by content hash and occurrence. */
function orderBy(
  keys: [Float64Array, ...Float64Array[]],
  rows: SampledRows,
  group: Uint32Array,
  occurrence: Uint32Array,
): DrawOrder {
  const order = Uint32Array.from(group.keys()).sort((left, right) => {
    for (const key of keys) if (key[left] !== key[right]) return key[left]! > key[right]! ? -1 : 1;
    const byHash = compareHashes(rows.contentHash, group[left]!, group[right]!);
    return byHash || occurrence[left]! - occurrence[right]!;
  });
  return {
    position: order.map((index) => group[index]!),
    key: Float64Array.from(order, (index) => keys[0][index]!),
  };
}

/** A group by ascending content hash, rows of equal content by ascending row_index. */
export function contentOrder(rows: SampledRows, group: Uint32Array): Uint32Array {
  const firsts = Float64Array.from(group, (position) => firstWord(rows.contentHash, position) >>> 0);
  return Uint32Array.from(group.keys())
    .sort((left, right) => {
      const [leftRow, rightRow] = [group[left]!, group[right]!];
      return (
        firsts[left]! - firsts[right]! ||
        compareHashes(rows.contentHash, leftRow, rightRow) ||
        rows.rowIndex[leftRow]! - rows.rowIndex[rightRow]!
      );
    })
    .map((index) => group[index]!);
}

function compareHashes(contentHash: Uint8Array, left: number, right: number): number {
  const leftStart = left * CONTENT_HASH_BYTES;
  const rightStart = right * CONTENT_HASH_BYTES;
  for (let index = 0; index < CONTENT_HASH_BYTES; index += 1) {
    const difference = contentHash[leftStart + index]! - contentHash[rightStart + index]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Probabilities p_i = w_i e^{λ s_i}/Σ w_j e^{λ s_j} of the first draw, as a stable softmax in float64.
 *
 * @param values [group] finite values s.
 * @param weight [group] w > 0; not there: 1 each.
 * @returns [group] probabilities in [0, 1], Σ = 1; empty for an empty group.
 */
export function probabilities(values: Float64Array, lambda: number, weight?: Float64Array): Float64Array {
  const largest = values.reduce((most, value) => Math.max(most, lambda * value), -Infinity);
  const weights = values.map((value, index) => Math.exp(lambda * value - largest) * (weight?.[index] ?? 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/**
 * Effective sample size ESS = (Σ p)²/Σ p²: how many equally likely rows would be as uneven.
 *
 * @param weights [group] non-negative, need not add up to 1.
 * @returns in [1, group]; 0 for an empty group.
 */
export function effectiveSampleSize(weights: Float64Array): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const squares = weights.reduce((sum, weight) => sum + weight * weight, 0);
  return total === 0 ? 0 : (total * total) / squares;
}

/** Largest λ that a wanted effective share is looked for up to, and steps of halving: λ is exact to 1000 · 2^-50. */
const LARGEST_LAMBDA = 1000;
const HALVINGS = 50;

/**
 * λ in [0, 1000] whose probabilities p ∝ e^{λs} have ESS/n = `share`: ESS falls as λ grows, so by bisection.
 *
 * @param values [group] finite s, in an order that does not depend on the table's.
 * @param share in (0, 1]; 1 gives 0.
 * @returns 1000 where even that leaves a larger share; 0 for an empty group. O(50 n).
 */
export function lambdaForShare(values: Float64Array, share: number): number {
  const shareAt = (lambda: number): number => effectiveSampleSize(probabilities(values, lambda)) / values.length;
  if (values.length === 0 || share >= 1) return 0;
  if (shareAt(LARGEST_LAMBDA) >= share) return LARGEST_LAMBDA;
  let [low, high] = [0, LARGEST_LAMBDA];
  for (let step = 0; step < HALVINGS; step += 1) {
    const middle = (low + high) / 2;
    if (shareAt(middle) >= share) low = middle;
    else high = middle;
  }
  return low;
}
