import type { GradientRow, TaskStatistics } from '../../algorithms/task-values.ts';
import { finishTaskSums, TaskAccumulator } from '../../algorithms/task-values.ts';
import { RowKernels } from '../../algorithms/row-kernels.ts';
import { largestEncoded } from '../../algorithms/encoding.ts';
import { createInstanceScorer } from '../../algorithms/instance-values.ts';
import type { InstanceValueColumns } from '../../algorithms/instance-values.ts';

/** Relative tolerance of numbers given to 6 significant digits. */
export const SIX_DIGITS = { rtol: 5.1e-6, atol: 0 };

/** Rows in three parameters, without projection: task A = a1, a2, a3, task B = b1, b2. */
export const WORKED_ROWS = [
  { name: 'a1', taskIndex: 0, gradient: [3, 4, 0] },
  { name: 'a2', taskIndex: 0, gradient: [0, 0, 2] },
  { name: 'a3', taskIndex: 0, gradient: [1, 2, 2] },
  { name: 'b1', taskIndex: 1, gradient: [0, 6, 8] },
  { name: 'b2', taskIndex: 1, gradient: [2, 0, 0] },
];

/** Gradient rows over one contiguous buffer; the norm is that of the vector. */
export function toGradientRows(
  rows: readonly { taskIndex: number; gradient: ArrayLike<number> }[],
): (GradientRow & { gradient: Float32Array })[] {
  const sketch = rows[0]?.gradient.length ?? 0;
  const gradient = new Float32Array(rows.length * sketch);
  rows.forEach((row, index) => {
    gradient.set(row.gradient, index * sketch);
  });
  return rows.map((row, index) => ({
    taskIndex: row.taskIndex,
    gradientNorm: Math.hypot(...Array.from(row.gradient)),
    supervisedTokenCount: index + 1,
    gradient,
    gradientStart: index * sketch,
    scale: 1,
  }));
}

export function maximaOf(rows: readonly GradientRow[], taskCount: number, sketch: number): Float64Array {
  const maxima = new Float64Array(taskCount);
  const kernels = new RowKernels(sketch, 0);
  for (const { taskIndex, gradient, gradientStart, scale } of rows) {
    kernels.load(gradient, gradientStart, scale);
    const largest = gradient instanceof Int8Array ? largestEncoded(scale) : kernels.largest();
    maxima[taskIndex] = Math.max(maxima[taskIndex]!, largest);
  }
  return maxima;
}

export function statisticsOf(rows: readonly GradientRow[], taskCount: number, sketch: number): TaskStatistics {
  const accumulator = new TaskAccumulator(maximaOf(rows, taskCount, sketch), sketch);
  for (const row of rows) accumulator.add(row);
  return finishTaskSums(accumulator.sums);
}

export function valuesOf(
  rows: readonly GradientRow[],
  statistics: TaskStatistics,
  selfTerm = true,
): InstanceValueColumns {
  const columns = {
    mean_of_cosines: new Float64Array(rows.length),
    cosine_to_mean: new Float64Array(rows.length),
  };
  const score = createInstanceScorer(statistics, selfTerm);
  rows.forEach((row, position) => {
    score(row.taskIndex, row.gradient, row.gradientStart, row.scale, columns, position);
  });
  return columns;
}
