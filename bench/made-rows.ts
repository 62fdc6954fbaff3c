// Made-up rows of the benches: who they are and to which task they belong, and the numbers that gradients come with.
import { createHash } from 'node:crypto';
import type { GradientRows } from '../tables/gradients.ts';
import type { RowsBatch } from '../tables/rows.ts';

/** Place of a row's task. */
export type TaskOf = (row: number) => number;

/** Batches of a rows table of one micro-batch, whose rows stand nowhere. */
export function* madeRows(rowCount: number, rowsOfBatch: number, taskOf: TaskOf): Generator<RowsBatch> {
  for (let start = 0; start < rowCount; start += rowsOfBatch) {
    const count = Math.min(rowCount, start + rowsOfBatch) - start;
    const zeros = new Uint32Array(count);
    const nothing = Array.from({ length: count }, () => null);
    yield {
      rowCount: count,
      ...identityColumns(start, count, taskOf),
      sourceIndex: zeros,
      byteStart: new BigInt64Array(count),
      byteEnd: new BigInt64Array(count),
      id: nothing,
      image: nothing,
      tokenCount: zeros,
      imageTokenCount: zeros,
      supervisedTokenCount: zeros,
      truncated: Array.from({ length: count }, () => false),
      microBatch: zeros,
      shard: zeros,
      reason: nothing,
    };
  }
}

/** Columns of a gradient table beside the gradients themselves. */
export function madeFacts(
  start: number,
  count: number,
  taskOf: TaskOf,
): Omit<GradientRows, 'gradient' | 'gradientScale'> {
  const numbers = (value: (row: number) => number): Float64Array =>
    Float64Array.from({ length: count }, (_, row) => value(start + row));
  return {
    rowCount: count,
    ...identityColumns(start, count, taskOf),
    loss: numbers((row) => 1 + (row % 7)),
    supervisedTokenCount: Uint32Array.from({ length: count }, (_, row) => 1 + ((start + row) % 90)),
    gradientNorm: numbers((row) => 90 + (row % 11)),
    el2n: numbers((row) => (row % 13) / 13),
    reason: Array.from({ length: count }, () => null),
  };
}

function identityColumns(
  start: number,
  count: number,
  taskOf: TaskOf,
): Pick<RowsBatch & GradientRows, 'rowIndex' | 'contentHash' | 'task'> {
  const rows = Array.from({ length: count }, (_, row) => start + row);
  return {
    rowIndex: Uint32Array.from(rows),
    contentHash: Buffer.concat(rows.map((row) => createHash('sha256').update(String(row)).digest())),
    task: rows.map((row) => `task-${taskOf(row)}`),
  };
}
