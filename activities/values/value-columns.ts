// The columns of the values table, gathered from the passes over the gradient table.
import type { InstanceValueColumns } from '../../algorithms/instance-values.ts';
import { HASH_BYTES, pickHashes } from '../../tables/hash-column.ts';
import type { ValuesBatch } from '../../tables/values.ts';
import type { EligibleRows } from './eligible-rows.ts';
import { NO_TASK } from './pass.ts';
import type { ScannedRows } from './pass.ts';

/** Rows of one batch of the values table. */
const BATCH_ROWS = 65_536;

/** All scalars of the usable rows, in the order of the table, with tasks as places in their names. */
export interface ValueColumns extends Omit<ValuesBatch, 'rowCount' | 'task'> {
  taskIndex: Uint32Array;
}

export function usableColumns(
  scanned: ScannedRows,
  { taskIndex, rowIndex }: EligibleRows,
  scores: InstanceValueColumns,
): ValueColumns {
  const rows = Uint32Array.from(taskIndex.keys()).filter((row) => taskIndex[row] !== NO_TASK);
  const numbers = (column: Float64Array): Float64Array => Float64Array.from(rows, (row) => column[row]!);
  return {
    rowIndex: rows.map((row) => rowIndex[row]!),
    contentHash: pickHashes(scanned.contentHash, rows),
    taskIndex: rows.map((row) => taskIndex[row]!),
    loss: numbers(scanned.loss),
    supervisedTokenCount: rows.map((row) => scanned.supervisedTokenCount[row]!),
    gradientNorm: numbers(scanned.gradientNorm),
    el2n: numbers(scanned.el2n),
    meanOfCosines: numbers(scores.mean_of_cosines),
    cosineToMean: numbers(scores.cosine_to_mean),
  };
}

/** @param names of the tasks, by index */
export function* valueBatches(columns: ValueColumns, names: readonly string[]): Generator<ValuesBatch> {
  for (let start = 0; start < columns.rowIndex.length; start += BATCH_ROWS) {
    const end = Math.min(columns.rowIndex.length, start + BATCH_ROWS);
    yield {
      rowCount: end - start,
      rowIndex: columns.rowIndex.subarray(start, end),
      contentHash: columns.contentHash.subarray(start * HASH_BYTES, end * HASH_BYTES),
      task: Array.from(columns.taskIndex.subarray(start, end), (taskIndex) => names[taskIndex]!),
      loss: columns.loss.subarray(start, end),
      supervisedTokenCount: columns.supervisedTokenCount.subarray(start, end),
      gradientNorm: columns.gradientNorm.subarray(start, end),
      el2n: columns.el2n.subarray(start, end),
      meanOfCosines: columns.meanOfCosines.subarray(start, end),
      cosineToMean: columns.cosineToMean.subarray(start, end),
    };
  }
}
