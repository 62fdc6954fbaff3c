// Passes over a part of the gradient table: what a thread of the values stage does.
import { largestEncoded } from '../../algorithms/encoding.ts';
import { createInstanceScorer } from '../../algorithms/instance-values.ts';
import type { InstanceValueColumns } from '../../algorithms/instance-values.ts';
import { RowKernels } from '../../algorithms/row-kernels.ts';
import { TaskAccumulator } from '../../algorithms/task-values.ts';
import type { TaskStatistics, TaskSums } from '../../algorithms/task-values.ts';
import type { Store } from '../../store/store.ts';
import { HASH_BYTES } from '../../tables/hash-column.ts';
import { readGradients } from '../../tables/gradients.ts';
import type { GradientRows, GradientTable } from '../../tables/gradients.ts';

/** Scalars of all rows of a part of the table, in its order. */
export interface ScannedRows {
  /** [row, 32]. */
  contentHash: Uint8Array;
  /** 1 where the row has a gradient of use. */
  usable: Uint8Array;
  /** Largest |z|. */
  largest: Float64Array;
  loss: Float64Array;
  supervisedTokenCount: Uint32Array;
  gradientNorm: Float64Array;
  el2n: Float64Array;
}

/** One pass over a part of the table. It can be sent to a thread, and so can its result. */
export type PassRequest =
  | { pass: 'scan' }
  /** Sums of the rows that have a task. */
  | { pass: 'sum'; taskIndex: Int32Array; maxima: Float64Array }
  /** Instance values of the rows that have a task, 0 for the others, and the unit gradients of the marked rows. */
  | { pass: 'score'; taskIndex: Int32Array; statistics: TaskStatistics; selfTerm: boolean; sampled: Uint8Array };

/** What the passes give. */
export interface PassResults {
  scan: ScannedRows;
  sum: TaskSums;
  score: ScoredRows;
}

export interface ScoredRows extends InstanceValueColumns {
  /** `[marked row, sketch]`, each of unit length. */
  sample: Float32Array;
}

/** Task of a row that takes no part. */
export const NO_TASK = -1;

/** Does what is asked, batch by batch. Memory: one batch, the columns and 16 bytes · T · k. */
export async function runPass(
  store: Store,
  table: GradientTable,
  request: PassRequest,
  pause: () => Promise<void>,
): Promise<PassResults[PassRequest['pass']]> {
  if (request.pass === 'scan') return scan(store, table, pause);
  return request.pass === 'sum' ? sum(store, table, request, pause) : score(store, table, request, pause);
}

interface PlacedBatch {
  batch: GradientRows;
  /** Place of its first row in the part. */
  start: number;
}

async function* batchesOf(store: Store, table: GradientTable, pause: () => Promise<void>): AsyncGenerator<PlacedBatch> {
  let start = 0;
  for await (const batch of readGradients(store, table)) {
    yield { batch, start };
    start += batch.rowCount;
    await pause();
  }
}

async function scan(store: Store, table: GradientTable, pause: () => Promise<void>): Promise<ScannedRows> {
  const { sketch } = table;
  const count = table.files.reduce((rows, { file }) => rows + file.rowCount, 0);
  const rows: ScannedRows = {
    contentHash: new Uint8Array(count * HASH_BYTES),
    usable: new Uint8Array(count),
    largest: new Float64Array(count),
    loss: new Float64Array(count),
    supervisedTokenCount: new Uint32Array(count),
    gradientNorm: new Float64Array(count),
    el2n: new Float64Array(count),
  };
  const kernels = new RowKernels(sketch, 0);
  for await (const { batch, start } of batchesOf(store, table, pause)) {
    const { gradient, gradientScale } = batch;
    rows.contentHash.set(batch.contentHash, start * HASH_BYTES);
    rows.loss.set(batch.loss, start);
    rows.supervisedTokenCount.set(batch.supervisedTokenCount, start);
    rows.gradientNorm.set(batch.gradientNorm, start);
    rows.el2n.set(batch.el2n, start);
    for (const [row, reason] of batch.reason.entries()) {
      rows.usable[start + row] = reason === null ? 1 : 0;
      rows.largest[start + row] = largestOf(kernels, gradient, row * sketch, gradientScale[row]!);
    }
  }
  return rows;
}

function largestOf(
  kernels: RowKernels,
  gradient: Float32Array | Int8Array,
  gradientStart: number,
  scale: number,
): number {
  if (gradient instanceof Int8Array) return largestEncoded(scale);
  kernels.load(gradient, gradientStart, scale);
  return kernels.largest();
}

async function sum(
  store: Store,
  table: GradientTable,
  { taskIndex, maxima }: PassRequest & { pass: 'sum' },
  pause: () => Promise<void>,
): Promise<TaskSums> {
  const { sketch } = table;
  const accumulator = new TaskAccumulator(maxima, sketch);
  for await (const { batch, start } of batchesOf(store, table, pause)) {
    const { gradient, gradientScale, gradientNorm, supervisedTokenCount } = batch;
    for (let row = 0; row < batch.rowCount; row += 1) {
      if (taskIndex[start + row] === NO_TASK) continue;
      accumulator.add({
        taskIndex: taskIndex[start + row]!,
        gradientNorm: gradientNorm[row]!,
        supervisedTokenCount: supervisedTokenCount[row]!,
        gradient,
        gradientStart: row * sketch,
        scale: gradientScale[row]!,
      });
    }
  }
  return accumulator.sums;
}

async function score(
  store: Store,
  table: GradientTable,
  { taskIndex, statistics, selfTerm, sampled }: PassRequest & { pass: 'score' },
  pause: () => Promise<void>,
): Promise<ScoredRows> {
  const { sketch } = table;
  const columns: InstanceValueColumns = {
    mean_of_cosines: new Float64Array(taskIndex.length),
    cosine_to_mean: new Float64Array(taskIndex.length),
  };
  const scoreRow = createInstanceScorer(statistics, selfTerm);
  const sample = new Float32Array(sampled.reduce((sum, mark) => sum + mark, 0) * sketch);
  let sampleStart = 0;
  for await (const { batch, start } of batchesOf(store, table, pause)) {
    const { gradient, gradientScale } = batch;
    for (let row = 0; row < batch.rowCount; row += 1) {
      const task = taskIndex[start + row]!;
      if (task !== NO_TASK) scoreRow(task, gradient, row * sketch, gradientScale[row]!, columns, start + row);
      if (sampled[start + row] !== 1) continue;
      addUnitVector(sample, sampleStart, gradient.subarray(row * sketch, (row + 1) * sketch));
      sampleStart += sketch;
    }
  }
  return { ...columns, sample };
}

/** The scale of stored codes falls out. */
function addUnitVector(sample: Float32Array, start: number, gradient: Float32Array | Int8Array): void {
  let square = 0;
  for (const value of gradient) square += value * value;
  const norm = Math.sqrt(square);
  for (const [place, value] of gradient.entries()) sample[start + place] = norm === 0 ? 0 : value / norm;
}
