// The rows that the reference model is tuned on.
import { groupByTask } from './group-rows.ts';
import { equalQuotas } from './quotas.ts';
import { drawOrder } from './sampling.ts';
import type { SampledRows } from './sampling.ts';

/** How many rows the reference model is tuned on, and how they are shared out over the tasks. */
export interface WarmupRequest {
  /** Share of the usable rows, in (0, 1]. */
  fraction: number;
  /** `per_task`: equal quotas, capped at a task's rows and redistributed. `none`: a sample of the pool. */
  balance: 'per_task' | 'none';
  seed: number;
  /** Name of each task, by task index. */
  taskNames: readonly string[];
}

/** Rows of the warm-up: round(fraction·N), at least 1 where there is one. */
export function warmupRowCount(rowCount: number, fraction: number): number {
  return Math.min(Math.max(1, Math.round(fraction * rowCount)), rowCount);
}

/**
 * The warm-up sample: round(fraction·N) rows, at least 1, uniform within each task by stream `warmup/<task>`
 * (within the pool by stream `warmup`).
 *
 * Differs: the released code takes ⌊fraction·N/T⌋ rows of each task unseeded, and fails on a smaller task.
 *
 * @param rows all usable rows, with the task index of each [example].
 * @returns positions in the columns, ascending; empty for no rows.
 * @see arXiv:2403.09559
 */
export function sampleWarmup(rows: SampledRows & { taskIndex: Uint32Array }, request: WarmupRequest): Uint32Array {
  const { taskNames, seed } = request;
  const rowCount = rows.rowIndex.length;
  const budget = warmupRowCount(rowCount, request.fraction);
  if (request.balance === 'none') {
    const pool = Uint32Array.from(rows.rowIndex.keys());
    return drawOrder(rows, pool, 'warmup', seed, null).position.slice(0, budget).sort();
  }
  const groups = groupByTask(rows.taskIndex, taskNames.length);
  const quotas = equalQuotas(
    groups.map((group, taskIndex) => ({ task: taskNames[taskIndex]!, rowCount: group.length })),
    budget,
  );
  const drawn = groups.flatMap((group, taskIndex) => {
    const { position } = drawOrder(rows, group, `warmup/${taskNames[taskIndex]}`, seed, null);
    return [...position.subarray(0, quotas[taskIndex])];
  });
  return Uint32Array.from(drawn).sort();
}
