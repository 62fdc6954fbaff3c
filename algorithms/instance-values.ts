import type { InstanceValueKind } from '../contracts/config.ts';
import { CODE_COUNT, CODE_ZERO, fillDecoded } from './encoding.ts';
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
 * Dot products in float64, by ascending index. A zero gradient and a zero mean give 0, never NaN. The only row of a
 * task has 1, without self term 0. Cost O(k) a row.
 *
 * @param statistics of the whole table, these rows included.
 * @param selfTerm whether the row's cosine with itself counts, as in the released code.
 * @see arXiv:2403.09559
 */
export function createInstanceScorer(statistics: TaskStatistics, selfTerm: boolean): InstanceScorer {
  const { sketch, rowCount, meanGradientNorm } = statistics;
  const products = new Float64Array(3);
  return (taskIndex, gradient, gradientStart, scale, columns, position) => {
    if (gradient instanceof Int8Array) {
      fillDecoded(components, scale);
      multiplyCodes(products, gradient, gradientStart, statistics, taskIndex * sketch);
    } else multiply(products, gradient, gradientStart, statistics, taskIndex * sketch);
    const [squares, onDirection, onGradient] = products as unknown as [number, number, number];
    const norm = Math.sqrt(squares);
    const count = rowCount[taskIndex]!;
    const meanNorm = meanGradientNorm[taskIndex]!;
    columns.mean_of_cosines[position] = norm === 0 ? 0 : meanOfCosines(onDirection / norm, count, selfTerm);
    columns.cosine_to_mean[position] =
      norm === 0 || meanNorm === 0 ? 0 : cosineToMean(onGradient / norm / meanNorm, count);
  };
}

/** Writes z·z, z·m_t and z·z̄_t. */
function multiply(
  products: Float64Array,
  gradient: Float32Array,
  gradientStart: number,
  { sketch, meanDirection, meanGradient }: TaskStatistics,
  meanStart: number,
): void {
  let squares = 0;
  let onDirection = 0;
  let onGradient = 0;
  for (let index = 0; index < sketch; index += 1) {
    const component = gradient[gradientStart + index]!;
    squares += component * component;
    onDirection += component * meanDirection[meanStart + index]!;
    onGradient += component * meanGradient[meanStart + index]!;
  }
  products[0] = squares;
  products[1] = onDirection;
  products[2] = onGradient;
}

/** [code + 128] component of the row at hand. */
const components = new Float64Array(CODE_COUNT);

/** The same of codes. */
function multiplyCodes(
  products: Float64Array,
  codes: Int8Array,
  codeStart: number,
  { sketch, meanDirection, meanGradient }: TaskStatistics,
  meanStart: number,
): void {
  let squares = 0;
  let onDirection = 0;
  let onGradient = 0;
  for (let index = 0; index < sketch; index += 1) {
    const component = components[codes[codeStart + index]! + CODE_ZERO]!;
    squares += component * component;
    onDirection += component * meanDirection[meanStart + index]!;
    onGradient += component * meanGradient[meanStart + index]!;
  }
  products[0] = squares;
  products[1] = onDirection;
  products[2] = onGradient;
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
