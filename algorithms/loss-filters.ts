// Filters by loss: a guard against tasks whose answers look random, and a cut of the highest losses.
import { groupByTask } from './group-rows.ts';
import { topOrder } from './sampling.ts';
import type { SampledRows } from './sampling.ts';

/** Columns of rows, `[example]`. */
export interface LossRows extends SampledRows {
  taskIndex: Uint32Array;
  /** L, mean loss of the answers' tokens. */
  loss: Float64Array;
  /** |M|, tokens of the answers. */
  supervisedTokenCount: Uint32Array;
}

/** What a guard knows beside the rows. */
export interface GuardOptions {
  /** [task] C, how many answers there are to choose from; null where that is not known. */
  answerCounts: readonly (number | null)[];
  /** [example] 1 for a row that the reference model was tuned on: its loss says little. */
  isWarmup: Uint8Array;
  /** Share of bad losses above which a task's bad losses are left out. */
  limit: number;
}

/** What a guard has found. */
export interface LossGuard {
  /** [example] 1 for a row that is left out. */
  dropped: Uint8Array;
  /** [task] h_t, share of bad losses; null where C is not known or all rows are warm-up rows. */
  badShares: (number | null)[];
}

/**
 * The adaptive loss guard: a loss is bad where the answer is less likely than half of chance, |M|·L > ln(2C). Where the
 * share h_t of bad losses among a task's rows that the reference model has not seen exceeds the limit, these rows are
 * left out, in this task only.
 *
 * |M|·L is the loss of the whole answer: L itself for answers of one token.
 */
export function guardLosses(rows: LossRows, { answerCounts, isWarmup, limit }: GuardOptions): LossGuard {
  const dropped = new Uint8Array(rows.loss.length);
  const badShares = groupByTask(rows.taskIndex, answerCounts.length).map((group, task) => {
    const answerCount = answerCounts[task]!;
    const unseen = group.filter((row) => isWarmup[row] === 0);
    if (answerCount === null || unseen.length === 0) return null;
    const limitLoss = Math.log(2 * answerCount);
    const bad = unseen.filter((row) => rows.supervisedTokenCount[row]! * rows.loss[row]! > limitLoss);
    const share = bad.length / unseen.length;
    if (share > limit) for (const row of bad) dropped[row] = 1;
    return share;
  });
  return { dropped, badShares };
}

/**
 * The fixed guard: the ⌊share · n⌋ highest losses of each task; equal losses at random by content.
 * @returns [example] 1 for a row that is left out
 */
export function cutLosses(rows: LossRows, taskNames: readonly string[], share: number): Uint8Array {
  const dropped = new Uint8Array(rows.loss.length);
  for (const [task, group] of groupByTask(rows.taskIndex, taskNames.length).entries()) {
    const { position } = topOrder(rows, group, `filter/loss_cut/${taskNames[task]!}`, 0, rows.loss);
    for (const row of position.subarray(0, Math.floor(share * group.length))) dropped[row] = 1;
  }
  return dropped;
}

/**
 * C of a task by its rows' answers: e^H, H the entropy of the answers in nats, so a few common answers count for what
 * they are. Null for open-ended answers, of which more than half stand once, and for none.
 *
 * @param counts how often each answer was given
 */
export function answerCountOf(counts: Iterable<number>): number | null {
  let [total, weighted, once] = [0, 0, 0];
  for (const count of counts) {
    total += count;
    weighted += count * Math.log(count);
    if (count === 1) once += 1;
  }
  if (total === 0 || once > total / 2) return null;
  return total * Math.exp(-weighted / total);
}
