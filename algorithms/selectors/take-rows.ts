// The first rows of a draw order up to a quota, with repeats where a task is too small.
import { createRandom } from '../random-stream.ts';
import type { DrawnGroup } from './selector.ts';

/** Selected rows, by ascending position. */
export interface SelectedRows {
  /** [selected] position in the columns. */
  position: Uint32Array;
  /** [selected] how often the row is in the subset, ≥ 1; Σ = B. */
  copies: Uint32Array;
  /** [selected] p of the row's first draw within its task or the pool; 1 where the choice is not random. */
  probability: Float64Array;
  /** [selected] draw order within the task or the pool, from 0. */
  rank: Uint32Array;
}

/**
 * The first `quota` rows of a group; above its size, copies of all and one more of the first drawn.
 *
 * @param where the rows come from, for messages.
 * @throws RangeError where a quota is wanted from no rows.
 */
export function takeRows(drawn: DrawnGroup, quota: number, where: string): SelectedRows {
  const size = drawn.position.length;
  requireRows(size, quota, where);
  const fullCopies = size === 0 ? 0 : Math.floor(quota / size);
  const extra = quota - fullCopies * size;
  const taken = fullCopies > 0 ? size : quota;
  return {
    position: drawn.position.slice(0, taken),
    copies: Uint32Array.from({ length: taken }, (_, rank) => fullCopies + (rank < extra ? 1 : 0)),
    probability: drawn.probability.slice(0, taken),
    rank: Uint32Array.from({ length: taken }, (_, rank) => rank),
  };
}

/**
 * `quota` independent draws from the group's probabilities, by the inverse of their sums: a row comes as often as it is
 * drawn. Sums run in draw order, which the rows' contents decide, so the order of the table does not matter.
 *
 * @throws RangeError where a quota is wanted from no rows.
 */
export function takeAgain(
  drawn: DrawnGroup,
  quota: number,
  where: string,
  { stream, seed }: { stream: string; seed: number },
): SelectedRows {
  const size = drawn.position.length;
  requireRows(size, quota, where);
  const sums = new Float64Array(size);
  drawn.probability.forEach((probability, index) => (sums[index] = (sums[index - 1] ?? 0) + probability));
  const random = createRandom(stream, seed);
  const counts = new Map<number, number>();
  for (let draw = 0; draw < quota; draw += 1) {
    const index = firstAbove(sums, random.uniform() * sums[size - 1]!);
    counts.set(index, (counts.get(index) ?? 0) + 1);
  }
  const taken = [...counts.keys()];
  return {
    position: Uint32Array.from(taken, (index) => drawn.position[index]!),
    copies: Uint32Array.from(taken, (index) => counts.get(index)!),
    probability: Float64Array.from(taken, (index) => drawn.probability[index]!),
    rank: Uint32Array.from(taken.keys()),
  };
}

/** All parts as one, by ascending position. */
export function collectRows(parts: readonly SelectedRows[]): SelectedRows {
  const entries = parts
    .flatMap((part) => Array.from(part.position, (position, index) => ({ position, part, index })))
    .sort((left, right) => left.position - right.position);
  return {
    position: Uint32Array.from(entries, ({ position }) => position),
    copies: Uint32Array.from(entries, ({ part, index }) => part.copies[index]!),
    probability: Float64Array.from(entries, ({ part, index }) => part.probability[index]!),
    rank: Uint32Array.from(entries, ({ part, index }) => part.rank[index]!),
  };
}

function requireRows(size: number, quota: number, where: string): void {
  if (quota > 0 && size === 0)
    throw new RangeError(`selection: ${where} must have rows for a quota of ${quota}, got 0`);
}

/** The first place of ascending sums above a goal, else the last place. */
function firstAbove(sums: Float64Array, goal: number): number {
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle]! > goal) high = middle;
    else low = middle + 1;
  }
  return low;
}
