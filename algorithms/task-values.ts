// Task values: running sums over the gradient table, and what they come to for each task.
import type { MeanValueKind } from '../contracts/config.ts';
import { addExact, createExactSum, exactValue, mergeExact } from './exact-sum.ts';
import type { ExactSum } from './exact-sum.ts';
import { RowKernels } from './row-kernels.ts';
import { FIXED_POINT, LARGEST_VECTOR_COUNT, mergeFixedPoint, powerOfTwoBound } from './vector-sum.ts';

/** One row of the gradient table, without copying its gradient. */
export interface GradientRow {
  taskIndex: number;
  /** r ≥ 0: ℓ2 norm of the full gradient, before projection. */
  gradientNorm: number;
  /** |M|: answer tokens that the loss is the mean of. */
  supervisedTokenCount: number;
  /** [example, sketch] projected gradients: float32, or codes of {@link encodeInt8}. */
  gradient: Float32Array | Int8Array;
  /** Of this row's codes; 1 for float32. */
  scale: number;
  /** Where this row starts in `gradient`. */
  gradientStart: number;
}

/** Sums of one pass over gradient rows, mergeable to the same bits in any order. */
export interface TaskSums {
  sketch: number;
  /** [task] n_t. */
  rowCount: Float64Array;
  /** Exact sums of r, r² and r·|M| of each task. */
  valueSums: Record<MeanValueKind, ExactSum[]>;
  /** [task] power of two that bounds |z| of the task. */
  gradientBound: Float64Array;
  /** [task, sketch] fixed-point Σ ẑ. */
  directionSum: Float64Array;
  /** [task, sketch] fixed-point Σ z / bound. */
  gradientSum: Float64Array;
}

/** What a pass over the gradient table says about each task. */
export interface TaskStatistics {
  sketch: number;
  /** [task] n_t. */
  rowCount: Float64Array;
  /** [task] v_t of each kind, NaN where n_t = 0. */
  taskValue: Record<MeanValueKind, Float64Array>;
  /** [task, sketch] m_t, mean unit gradient; 0 where n_t = 0. */
  meanDirection: Float64Array;
  /** [task, sketch] z̄_t, mean raw gradient; 0 where n_t = 0. */
  meanGradient: Float64Array;
  /** [task] ‖z̄_t‖₂. */
  meanGradientNorm: Float64Array;
}

/**
 * Empty sums of a part of the table. Memory: 16 bytes · T · k.
 *
 * @param maxima [task] largest |z| of each task over the whole table, from `RowKernels.largest` or `largestEncoded`;
 * maxima of rows and of shards merge by `Math.max`.
 */
export function createTaskSums(maxima: Float64Array, sketch: number): TaskSums {
  return sumsOver(maxima, sketch, new Float64Array(2 * maxima.length * sketch));
}

function sumsOver(maxima: Float64Array, sketch: number, vectors: Float64Array): TaskSums {
  const sums = (): ExactSum[] => Array.from(maxima, createExactSum);
  return {
    sketch,
    rowCount: new Float64Array(maxima.length),
    valueSums: { gradient_norm: sums(), self_influence: sums(), gradient_norm_sum: sums() },
    gradientBound: maxima.map(powerOfTwoBound),
    directionSum: vectors.subarray(0, maxima.length * sketch),
    gradientSum: vectors.subarray(maxima.length * sketch),
  };
}

/** The second pass over a part of the table: adds row after row to sums, which can be merged. */
export class TaskAccumulator {
  readonly sums: TaskSums;
  readonly #kernels: RowKernels;

  /** @param maxima as for {@link createTaskSums} */
  constructor(maxima: Float64Array, sketch: number) {
    this.#kernels = new RowKernels(sketch, 2 * maxima.length);
    this.sums = sumsOver(maxima, sketch, this.#kernels.vectors);
  }

  /**
   * Adds one row: r, r² and r·|M| exactly; ẑ = z/‖z‖ and z as fixed-point integers. A row with z = 0 has ẑ = 0 and
   * counts.
   *
   * @throws RangeError where a norm is not finite, a component exceeds the task's maximum, or the task has 2^23 rows.
   */
  add({ taskIndex, gradient, gradientStart, scale, gradientNorm, supervisedTokenCount }: GradientRow): void {
    const { sketch, rowCount, gradientBound, valueSums } = this.sums;
    const kernels = this.#kernels;
    kernels.load(gradient, gradientStart, scale);
    const norm = Math.sqrt(kernels.squares());
    const bound = gradientBound[taskIndex]!;
    // ‖z‖ ≤ √k · max|z|, so a NaN, an infinity or a maximum from another table cannot pass unseen for long.
    if (!(norm <= bound * Math.sqrt(sketch) * (1 + 1e-9))) {
      throw new RangeError(`task values: components must be finite and at most ${bound}, got a norm of ${norm}`);
    }
    if (rowCount[taskIndex] === LARGEST_VECTOR_COUNT) {
      throw new RangeError(`task values: a task must have at most 2^23 rows, got more in task ${taskIndex}`);
    }
    rowCount[taskIndex]! += 1;
    addExact(valueSums.gradient_norm[taskIndex]!, gradientNorm);
    addExact(valueSums.self_influence[taskIndex]!, gradientNorm * gradientNorm);
    addExact(valueSums.gradient_norm_sum[taskIndex]!, gradientNorm * supervisedTokenCount);
    if (norm === 0) return;
    kernels.add(taskIndex, FIXED_POINT / norm, rowCount.length + taskIndex, FIXED_POINT / bound);
  }
}

/**
 * Adds the sums of another part of the table, made with the same maxima and sketch: the same bits for any split.
 *
 * @throws RangeError where maxima or sketch differ, or a task exceeds 2^23 rows.
 */
export function mergeTaskSums(into: TaskSums, from: TaskSums): void {
  if (into.sketch !== from.sketch || into.gradientBound.join() !== from.gradientBound.join()) {
    const sides = `${into.sketch}: ${into.gradientBound.join()} and ${from.sketch}: ${from.gradientBound.join()}`;
    throw new RangeError(`task values: merged sums must share sketch and bounds, got ${sides}`);
  }
  mergeFixedPoint(into.rowCount, from.rowCount);
  const largest = into.rowCount.reduce((most, count) => Math.max(most, count), 0);
  if (largest > LARGEST_VECTOR_COUNT) {
    throw new RangeError(`task values: a task must have at most 2^23 rows, got ${largest}`);
  }
  mergeFixedPoint(into.directionSum, from.directionSum);
  mergeFixedPoint(into.gradientSum, from.gradientSum);
  for (const kind of ['gradient_norm', 'self_influence', 'gradient_norm_sum'] as const) {
    into.valueSums[kind].forEach((sum, taskIndex) => {
      mergeExact(sum, from.valueSums[kind][taskIndex]!);
    });
  }
}

/**
 * Task values and mean gradients of all rows added:
 * v_t = mean r (`gradient_norm`), mean r² (`self_influence`) or mean r·|M| (`gradient_norm_sum`); m_t = mean ẑ;
 * z̄_t = mean z.
 *
 * A task without rows has value NaN and means 0. The means' rounding error is at most 2^-31, of max|z| for z̄_t.
 *
 * @see arXiv:2403.09559
 */
export function finishTaskSums(sums: TaskSums): TaskStatistics {
  const { sketch, rowCount } = sums;
  const meanOf = (parts: ExactSum[]): Float64Array =>
    Float64Array.from(parts, (part, taskIndex) =>
      rowCount[taskIndex] === 0 ? NaN : exactValue(part) / rowCount[taskIndex]!,
    );
  const meanVectors = (vectors: Float64Array, unit: (taskIndex: number) => number): Float64Array =>
    vectors.map((sum, index) => {
      const taskIndex = Math.floor(index / sketch);
      return (sum / Math.max(rowCount[taskIndex]!, 1)) * unit(taskIndex);
    });
  const meanGradient = meanVectors(sums.gradientSum, (taskIndex) => sums.gradientBound[taskIndex]! / FIXED_POINT);
  return {
    sketch,
    rowCount: rowCount.slice(),
    taskValue: {
      gradient_norm: meanOf(sums.valueSums.gradient_norm),
      self_influence: meanOf(sums.valueSums.self_influence),
      gradient_norm_sum: meanOf(sums.valueSums.gradient_norm_sum),
    },
    meanDirection: meanVectors(sums.directionSum, () => 1 / FIXED_POINT),
    meanGradient,
    meanGradientNorm: Float64Array.from(rowCount, (_, taskIndex) => {
      const mean = meanGradient.subarray(taskIndex * sketch, (taskIndex + 1) * sketch);
      return Math.sqrt(mean.reduce((squares, component) => squares + component * component, 0));
    }),
  };
}

/** Warnings about tasks whose values say nothing: no rows, or raw gradients that cancel (their cosines are 0). */
export function taskWarnings(taskNames: readonly string[], statistics: TaskStatistics): string[] {
  return taskNames.flatMap((task, taskIndex) => {
    if (statistics.rowCount[taskIndex] === 0) {
      return [`values: task "${task}" must have a usable row to get a value, got 0`];
    }
    if (statistics.meanGradientNorm[taskIndex] === 0) {
      return [`values: mean gradient of task "${task}" must not be 0, got 0; cosine_to_mean of its rows is 0`];
    }
    return [];
  });
}
