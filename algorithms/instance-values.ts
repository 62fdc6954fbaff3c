// Instance values: how well each row's gradient stands for its task.
import type { InstanceValueKind } from '../contracts/config.ts';
import { RowKernels } from './row-kernels.ts';
import type { TaskStatistics } from './task-values.ts';

/** Instance values of rows, one column a kind: [example] float64 in [−1, 1]. */
export type InstanceValueColumns = Record<InstanceValueKind, Float64Array>;

/**
 * Writes both instance values of one row to `columns[…][position]`. It makes no objects, so it suits long loops.
 *
 * @param gradient [example, sketch] float32 or codes, read from `gradientStart`.
 * @param scale of the row's codes; 1 for float32.
 */
export type InstanceScorer = (
  taskIndex: number,
  gradient: Float32Array | Int8Array,
  gradientStart: number,
  scale: number,
  columns: InstanceValueColumns,
  position: number,
) => void;

/**
 * A scorer of rows against their task:
 *
 * - `mean_of_cosines`: s = ẑ·m_t = (1/n_t) Σ_j ẑ·ẑ_j. Without self term (n_t s − 1)/(n_t − 1).
 * - `cosine_to_mean`: s = ẑ·z̄_t/‖z̄_t‖, which has no self term to leave out.
 *
 * Dot products in float64. A zero gradient and a zero mean give 0, never NaN. The only row of a
 * task has 1, without self term 0. Cost O(k) a row.
 *
 * @param statistics of the whole table, these rows included.
 * @param selfTerm whether the row's cosine with itself counts, as in the released code.
 * @see arXiv:2403.09559
 */
export function createInstanceScorer(statistics: TaskStatistics, selfTerm: boolean): InstanceScorer {
  const { sketch, rowCount, meanDirection, meanGradient, meanGradientNorm } = statistics;
  const taskCount = rowCount.length;
  const kernels = new RowKernels(sketch, 2 * taskCount);
  kernels.vectors.set(meanDirection);
  kernels.vectors.set(meanGradient, taskCount * sketch);
  return (taskIndex, gradient, gradientStart, scale, columns, position) => {
    kernels.load(gradient, gradientStart, scale);
    const products = kernels.products(taskIndex, taskCount + taskIndex);
    const norm = Math.sqrt(products[0]!);
    const count = rowCount[taskIndex]!;
    const meanNorm = meanGradientNorm[taskIndex]!;
    columns.mean_of_cosines[position] = norm === 0 ? 0 : meanOfCosines(products[1]! / norm, count, selfTerm);
    columns.cosine_to_mean[position] =
      norm === 0 || meanNorm === 0 ? 0 : cosineToMean(products[2]! / norm / meanNorm, count);
  };
}

// The mean of one row is the row itself, known better than its fixed-point sum.
function cosineToMean(cosine: number, count: number): number {
  return count === 1 ? 1 : clampCosine(cosine);
}

function meanOfCosines(onMean: number, count: number, selfTerm: boolean): number {
  if (count === 1) return selfTerm ? 1 : 0;
  return clampCosine(selfTerm ? onMean : (count * onMean - 1) / (count - 1));
}

/** Rounding may carry a cosine past ±1 by a last bit. */
function clampCosine(value: number): number {
  return Math.min(1, Math.max(-1, value));
}
