// The linear datamodelling score: whether sums of gradient cosines order models tuned on random subsets as losses do.
import type { LdsScore } from '../contracts/messages/benchmark.ts';
import { createRandom } from './random-stream.ts';
import { rankingOf, spearmanRhos } from './rank-correlation.ts';
import { quantiles } from './statistics.ts';

/** Resamples of the bootstrap over subsets. */
const RESAMPLES = 1000;

/** Least subsets for an interval: of two a bootstrap has one value only. */
const LEAST_FOR_INTERVAL = 3;

/** Sums of unit gradients over random subsets of the rows: Σ_{i∈S_j} ẑ_i. */
export interface SubsetSums {
  /** [subset, sketch] float64. */
  sums: Float64Array;
  subsetCount: number;
  sketch: number;
}

/** Sums over no rows yet. */
export function createSubsetSums(subsetCount: number, sketch: number): SubsetSums {
  return { sums: new Float64Array(subsetCount * sketch), subsetCount, sketch };
}

/**
 * Adds the unit gradient ẑ_i = z_i/‖z_i‖ of a row to the sums of the subsets that it is in; one without direction
 * counts as 0. O(sketch · subsets that it is in).
 *
 * @param into sums to add to; `gradient` [sketch] z_i, on any scale: int8 codes do
 * @param isIn whether the row is in a subset
 */
export function addToSubsets(
  into: SubsetSums,
  gradient: Float32Array | Int8Array,
  isIn: (subset: number) => boolean,
): void {
  const { sums, subsetCount, sketch } = into;
  const unit = unitOf(gradient);
  for (let subset = 0; subset < subsetCount; subset += 1) {
    if (!isIn(subset)) continue;
    const own = sums.subarray(subset * sketch, (subset + 1) * sketch);
    for (let place = 0; place < own.length; place += 1) own[place]! += unit[place]!;
  }
}

/**
 * What each subset predicts of a test row x: ŷ_j(x) = (Σ_{i∈S_j} ẑ_i)·ẑ_x = Σ_{i∈S_j} cos(z_i, z_x).
 * O(subsets · sketch).
 *
 * @param gradient [sketch] z_x, on any scale
 * @returns [subset] 0 throughout for a row without direction
 */
export function predictOutcomes(
  { sums, subsetCount, sketch }: SubsetSums,
  gradient: Float32Array | Int8Array,
): Float64Array {
  const unit = unitOf(gradient);
  return Float64Array.from({ length: subsetCount }, (_, subset) => {
    const start = subset * sketch;
    let sum = 0;
    for (let place = 0; place < sketch; place += 1) sum += sums[start + place]! * unit[place]!;
    return sum;
  });
}

/** Direction in float64; 0 throughout for a zero vector. */
function unitOf(gradient: Float32Array | Int8Array): Float64Array {
  const unit = new Float64Array(gradient);
  let squares = 0;
  for (const value of unit) squares += value * value;
  const norm = Math.sqrt(squares);
  if (norm > 0) for (let place = 0; place < unit.length; place += 1) unit[place]! /= norm;
  return unit;
}

/** Collects test rows one by one, so that no matrix of them is held. */
export interface DatamodelScorer {
  /**
   * A test row of a task. O(subsets · resamples).
   * @param predicted [subset] ŷ_j(x); `measured` [subset] y_j(x) = −loss, finite
   */
  add(task: string, predicted: ArrayLike<number>, measured: ArrayLike<number>): void;
  /** Over all rows so far, and over those of each task, by name. */
  scores(): { all: LdsScore; tasks: ({ task: string } & LdsScore)[] };
}

/** Rows of one group, summed up. */
interface GroupSums {
  sum: number;
  rowCount: number;
  constantCount: number;
  /** [resample] sum of ρ, and rows that have one. */
  resampled: Float64Array;
  resampledCounts: Uint32Array;
}

/**
 * LDS = mean over test rows x of Spearman_j(ŷ_j(x), y_j(x)), j over the subsets. The interval is a percentile bootstrap
 * over j, 1,000 resamples: the subsets are drawn anew with replacement, the same for all rows, and the mean is taken
 * over the rows that are not constant in the resample; a resample in which all are is left out.
 *
 * @param seed of the named stream `benchmark/lds` of the bootstrap
 * @see arXiv:2303.14186
 */
export function createDatamodelScorer(subsetCount: number, seed: number): DatamodelScorer {
  const counts = withResamples(subsetCount, seed);
  const all = emptyGroup();
  const tasks = new Map<string, GroupSums>();
  return {
    add(task, predicted, measured) {
      const own = tasks.get(task) ?? emptyGroup();
      tasks.set(task, own);
      const rhos = spearmanRhos(rankingOf(predicted), rankingOf(measured), counts);
      for (const group of [all, own]) addRow(group, rhos);
    },
    scores: () => ({
      all: scoreOf(all, subsetCount),
      tasks: [...tasks]
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([task, group]) => ({ task, ...scoreOf(group, subsetCount) })),
    }),
  };
}

/** [1 + resample, subset] how often each subset stands in a resample; the first are the subsets themselves. */
function withResamples(subsetCount: number, seed: number): Uint16Array {
  const random = createRandom('benchmark/lds', seed);
  const counts = new Uint16Array((1 + RESAMPLES) * subsetCount).fill(1, 0, subsetCount);
  for (let resample = 1; resample <= RESAMPLES; resample += 1)
    for (let draw = 0; draw < subsetCount; draw += 1)
      counts[resample * subsetCount + random.integer(subsetCount)]! += 1;
  return counts;
}

function emptyGroup(): GroupSums {
  return {
    sum: 0,
    rowCount: 0,
    constantCount: 0,
    resampled: new Float64Array(RESAMPLES),
    resampledCounts: new Uint32Array(RESAMPLES),
  };
}

/** @param rhos [1 + resample] of the subsets themselves first */
function addRow(group: GroupSums, rhos: Float64Array): void {
  if (Number.isNaN(rhos[0])) {
    group.constantCount += 1;
    return;
  }
  group.rowCount += 1;
  group.sum += rhos[0]!;
  for (let resample = 0; resample < RESAMPLES; resample += 1) {
    const rho = rhos[1 + resample]!;
    if (Number.isNaN(rho)) continue;
    group.resampled[resample]! += rho;
    group.resampledCounts[resample]! += 1;
  }
}

function scoreOf(
  { sum, rowCount, constantCount, resampled, resampledCounts }: GroupSums,
  subsetCount: number,
): LdsScore {
  if (rowCount === 0) return { score: null, interval: null, rowCount, constantCount };
  const means = resampled.map((total, resample) => total / resampledCounts[resample]!).filter(Number.isFinite);
  const [low, high] = quantiles(means, [0.025, 0.975]) as [number, number];
  const interval: [number, number] | null = subsetCount < LEAST_FOR_INTERVAL ? null : [low, high];
  return { score: sum / rowCount, interval, rowCount, constantCount };
}
