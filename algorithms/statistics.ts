// Descriptive statistics: means, quantiles, histograms, paired and bootstrap intervals.
import { addExact, createExactSum, exactValue } from './exact-sum.ts';
import { createRandom } from './random-stream.ts';
import { studentTQuantile } from './student-t.ts';

/** An estimate with its two-sided confidence interval, in the unit of the values. */
export interface Interval {
  mean: number;
  low: number;
  high: number;
}

/** Counts of values in bins of equal width. */
export interface Histogram {
  /** [bin + 1] ascending edges; bins are half-open but for the last, which holds its upper edge. */
  edges: Float64Array;
  /** [bin] number of values. */
  counts: Uint32Array;
}

/** Mean in float64, by an exact sum: the same for any order. NaN for no values. */
export function mean(values: ArrayLike<number>): number {
  const sum = createExactSum();
  for (let index = 0; index < values.length; index += 1) addExact(sum, values[index]!);
  return values.length === 0 ? NaN : exactValue(sum) / values.length;
}

/** Sample standard deviation sqrt(Σ(x − mean)²/(n − 1)). NaN below two values. */
export function standardDeviation(values: ArrayLike<number>): number {
  if (values.length < 2) return NaN;
  const center = mean(values);
  const squares = Float64Array.from(values, (value) => (value - center) ** 2);
  return Math.sqrt((mean(squares) * values.length) / (values.length - 1));
}

/**
 * Quantile by linear interpolation between order statistics: position (n − 1)·fraction, as NumPy's default.
 *
 * @param fraction in [0, 1]; 0.5 is the median.
 * @returns NaN for no values. O(n log n).
 * @throws RangeError where the fraction leaves [0, 1].
 */
export function quantile(values: ArrayLike<number>, fraction: number): number {
  return quantiles(values, [fraction])[0]!;
}

/** {@link quantile} of each fraction, with the values sorted once. */
export function quantiles(values: ArrayLike<number>, fractions: readonly number[]): number[] {
  for (const fraction of fractions) {
    if (!(fraction >= 0 && fraction <= 1))
      throw new RangeError(`quantile: fraction must be in [0, 1], got ${fraction}`);
  }
  if (values.length === 0) return fractions.map(() => NaN);
  const ascending = Float64Array.from(values).sort();
  return fractions.map((fraction) => sortedQuantile(ascending, fraction));
}

function sortedQuantile(ascending: Float64Array, fraction: number): number {
  const position = (ascending.length - 1) * fraction;
  const below = Math.floor(position);
  const low = ascending[below]!;
  const high = ascending[Math.min(below + 1, ascending.length - 1)]!;
  return low + (high - low) * (position - below);
}

/**
 * Paired t-interval of the mean difference: mean d ± t(n − 1)·sd(d)/√n, d = treated − control, pair by pair.
 *
 * @param treated [seed] one value a pair; `control` [seed] likewise.
 * @param confidence in (0, 1), e.g. 0.95.
 * @throws RangeError where the lengths differ or there are fewer than two pairs.
 */
export function pairedInterval(treated: ArrayLike<number>, control: ArrayLike<number>, confidence: number): Interval {
  if (treated.length !== control.length || treated.length < 2) {
    const got = `${treated.length} and ${control.length}`;
    throw new RangeError(`paired interval: at least two pairs must be given, got ${got} values`);
  }
  const differences = Float64Array.from(treated, (value, index) => value - control[index]!);
  const center = mean(differences);
  const error = standardDeviation(differences) / Math.sqrt(differences.length);
  const margin = studentTQuantile(differences.length - 1, confidence) * error;
  return { mean: center, low: center - margin, high: center + margin };
}

/** How a bootstrap interval is taken; equal options and values give equal intervals. */
export interface BootstrapOptions {
  /** In (0, 1), e.g. 0.95. */
  confidence: number;
  /** Resamples, e.g. 1000. Cost n · resampleCount. */
  resampleCount: number;
  /** Named random stream, e.g. `bootstrap`. */
  stream: string;
  seed: number;
}

/**
 * Percentile bootstrap interval of the mean: quantiles of the means of resamples with replacement.
 *
 * @param values finite; none gives NaN throughout.
 */
export function bootstrapInterval(values: ArrayLike<number>, options: BootstrapOptions): Interval {
  const { confidence, resampleCount, stream, seed } = options;
  const count = values.length;
  if (count === 0) return { mean: NaN, low: NaN, high: NaN };
  const random = createRandom(stream, seed);
  const means = new Float64Array(resampleCount);
  for (let resample = 0; resample < resampleCount; resample += 1) {
    let sum = 0;
    for (let draw = 0; draw < count; draw += 1) sum += values[random.integer(count)]!;
    means[resample] = sum / count;
  }
  means.sort();
  const tail = (1 - confidence) / 2;
  return { mean: mean(values), low: sortedQuantile(means, tail), high: sortedQuantile(means, 1 - tail) };
}

/**
 * Histogram over bins of equal width.
 *
 * @param values finite; those outside the range are left out.
 * @param range lowest and highest edge; default least and largest value. An empty range is widened by 0.5 either way.
 */
export function histogram(values: ArrayLike<number>, binCount: number, range?: readonly [number, number]): Histogram {
  let [low, high] = range ?? extent(values);
  if (low === high) {
    low -= 0.5;
    high += 0.5;
  }
  const width = (high - low) / binCount;
  const counts = new Uint32Array(binCount);
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index]!;
    if (value < low || value > high) continue;
    counts[Math.min(Math.floor((value - low) / width), binCount - 1)]! += 1;
  }
  return { edges: Float64Array.from({ length: binCount + 1 }, (_, bin) => low + bin * width), counts };
}

function extent(values: ArrayLike<number>): [number, number] {
  if (values.length === 0) return [0, 1];
  let low = Infinity;
  let high = -Infinity;
  for (let index = 0; index < values.length; index += 1) {
    low = Math.min(low, values[index]!);
    high = Math.max(high, values[index]!);
  }
  return [low, high];
}

/** ln Σ e^x without overflow; −∞ for no values. */
export function logSumExp(values: ArrayLike<number>): number {
  let largest = -Infinity;
  for (let index = 0; index < values.length; index += 1) largest = Math.max(largest, values[index]!);
  if (!Number.isFinite(largest)) return largest;
  let sum = 0;
  for (let index = 0; index < values.length; index += 1) sum += Math.exp(values[index]! - largest);
  return largest + Math.log(sum);
}
