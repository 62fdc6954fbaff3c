// Centres of a sample that a few extreme values cannot move far, with the error of each.
import { createRandom } from './random-stream.ts';
import { mean, quantile, quantiles, standardDeviation } from './statistics.ts';
import type { BootstrapOptions, Interval } from './statistics.ts';

/** Share that a trimmed mean leaves out at either end. */
const TRIMMED_SHARE = 0.1;

/** Quantiles that a winsorised mean pulls what lies beyond them to. */
const WINSOR_LIMITS = [0.05, 0.95] as const;

/** 97.5 % quantile of the normal law. */
const NORMAL_QUANTILE = 1.96;

/** The mean of all values, or what takes its place. */
export type CentreKind = 'mean' | 'trimmed' | 'winsorised' | 'median';

/** The mean without the ⌊share · n⌋ least and largest values, share in [0, 0.5). NaN for no values. */
export function trimmedMean(values: ArrayLike<number>, share: number): number {
  const cut = Math.floor(share * values.length);
  return mean(
    Float64Array.from(values)
      .sort()
      .subarray(cut, values.length - cut),
  );
}

/** The mean with values beyond two quantiles (linear interpolation) replaced by these. NaN for no values. */
export function winsorisedMean(values: ArrayLike<number>, limits: readonly [number, number]): number {
  return mean(clamped(values, limits));
}

function clamped(values: ArrayLike<number>, limits: readonly [number, number]): Float64Array {
  const [low, high] = quantiles(values, limits);
  return Float64Array.from(values, (value) => Math.min(high!, Math.max(low!, value)));
}

/** Mean, 10 % trimmed mean, 5/95 % winsorised mean or median. NaN for no values. O(n log n). */
export function centreOf(values: ArrayLike<number>, kind: CentreKind): number {
  switch (kind) {
    case 'mean':
      return mean(values);
    case 'trimmed':
      return trimmedMean(values, TRIMMED_SHARE);
    case 'winsorised':
      return winsorisedMean(values, WINSOR_LIMITS);
    case 'median':
      return quantile(values, 0.5);
  }
}

/**
 * 95 % interval of a centre for many values: ± 1.96 standard errors. That of a trimmed mean with share g is
 * s_w/((1 − 2g)·√n), s_w the standard deviation of the values winsorised at g and 1 − g, and likewise of a winsorised
 * mean; that of the median reaches over the order statistics n/2 ± 0.98·√n.
 */
export function normalInterval(values: ArrayLike<number>, kind: CentreKind): [number, number] {
  const root = Math.sqrt(values.length);
  if (kind === 'median') {
    const reach = NORMAL_QUANTILE / 2 / root;
    const [low, high] = quantiles(values, [Math.max(0, 0.5 - reach), Math.min(1, 0.5 + reach)]);
    return [low!, high!];
  }
  const centre = centreOf(values, kind);
  const cut = { mean: 0, trimmed: TRIMMED_SHARE, winsorised: WINSOR_LIMITS[0] }[kind];
  const spread = cut === 0 ? values : clamped(values, [cut, 1 - cut]);
  const half = (NORMAL_QUANTILE * standardDeviation(spread)) / (1 - 2 * cut) / root;
  return [centre - half, centre + half];
}

/** Percentile bootstrap interval of a centre. NaN for no values. O(n log n) a resample. */
export function bootstrapCentre(
  values: ArrayLike<number>,
  kind: CentreKind,
  { confidence, resampleCount, stream, seed }: BootstrapOptions,
): Interval {
  const random = createRandom(stream, seed);
  const sample = new Float64Array(values.length);
  const centres = Float64Array.from({ length: resampleCount }, () => {
    for (let place = 0; place < sample.length; place += 1) sample[place] = values[random.integer(values.length)]!;
    return centreOf(sample, kind);
  });
  const tail = (1 - confidence) / 2;
  const [low, high] = quantiles(centres, [tail, 1 - tail]);
  return { mean: centreOf(values, kind), low: low!, high: high! };
}
