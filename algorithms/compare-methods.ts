// Methods over seeds: spreads, paired differences to a baseline, and their adjustment for being several.
import type { MethodScores, PairedDifference, ScoreSpread, TakenShare } from '../contracts/benchmark-summary.ts';
import type { StressKind, StressShare } from '../contracts/stress.ts';
import type { SelectionMethod } from '../contracts/config.ts';
import { strongestBaseline } from '../contracts/methods.ts';
import { holmAdjusted, pairedTTest, signedRankTest } from './paired-tests.ts';
import { bootstrapInterval, mean, pairedInterval, standardDeviation } from './statistics.ts';

const CONFIDENCE = 0.95;
const RESAMPLE_COUNT = 10_000;

/** One method's training with one seed. */
export interface SeedScore {
  seed: number;
  method: SelectionMethod;
  rowCount: number;
  stepCount: number;
  effectiveShare: number | null;
  stress: readonly StressShare[] | null;
  macroAccuracy: number;
  meanLoss: number;
  /** Of generated answers; null or not there: there are none. */
  macroGenerated?: number | null;
  tasks: readonly { task: string; rowCount: number; correctCount: number }[];
}

/** What the scores are taken relative to: accuracy by task of a model tuned on all rows, by seed. */
export type FullScores = ReadonlyMap<number, ReadonlyMap<string, number>>;

/**
 * Each method's scores over the seeds, and its paired difference to the strongest random choice among the methods, with
 * p-values adjusted by Holm over the methods.
 *
 * @param scores of one budget: each method once with each seed.
 * @param full denominators of relative performance, 100 · mean_t(score_t / score_t^full), or null.
 * @returns methods in the order in which they come first.
 * @throws RangeError where a method lacks a seed
 */
export function compareMethods(scores: readonly SeedScore[], full: FullScores | null): MethodScores[] {
  const seeds = [...new Set(scores.map(({ seed }) => seed))].sort((left, right) => left - right);
  const byMethod = new Map<SelectionMethod, SeedScore[]>();
  for (const method of new Set(scores.map((score) => score.method))) {
    const own = scores.filter((score) => score.method === method).sort((left, right) => left.seed - right.seed);
    if (own.length !== seeds.length || own.some(({ seed }, index) => seed !== seeds[index]))
      throw new RangeError(
        `benchmark: ${method} must have a score with each of ${seeds.length} seeds, got ${own.length}`,
      );
    byMethod.set(method, own);
  }
  const baseline = strongestBaseline([...byMethod.keys()]);
  const control = baseline === null ? null : byMethod.get(baseline)!;
  const compared = [...byMethod].map(([method, own]) => scoresOf(own, method === baseline ? null : control, full));
  return adjusted(compared);
}

function scoresOf(
  own: readonly SeedScore[],
  control: readonly SeedScore[] | null,
  full: FullScores | null,
): MethodScores {
  const [first] = own;
  const shares = own.flatMap(({ effectiveShare }) => (effectiveShare === null ? [] : [effectiveShare]));
  const accuracies = own.map(({ macroAccuracy }) => macroAccuracy);
  return {
    method: first!.method,
    accuracy: spread(accuracies),
    rowCount: mean(own.map(({ rowCount }) => rowCount)),
    stepCount: mean(own.map(({ stepCount }) => stepCount)),
    meanLoss: mean(own.map(({ meanLoss }) => meanLoss)),
    effectiveShare: shares.length === 0 ? null : Math.min(...shares),
    relative: full === null ? null : relativeSpread(own, full),
    taken: takenShares(own),
    ...generatedScores(own, control),
    difference:
      control === null
        ? null
        : pairedDifference(
            accuracies,
            control.map(({ macroAccuracy }) => macroAccuracy),
          ),
    tasks: first!.tasks.map(({ task }) => ({
      task,
      accuracy: spread(own.map((score) => accuracyIn(score, task))),
      difference:
        control === null
          ? null
          : pairedDifference(
              own.map((score) => accuracyIn(score, task)),
              control.map((score) => accuracyIn(score, task)),
            ),
    })),
  };
}

/** Of generated answers; nothing where a score lacks them. The difference is not adjusted: it is no primary metric. */
function generatedScores(
  own: readonly SeedScore[],
  control: readonly SeedScore[] | null,
): Pick<MethodScores, 'generated'> {
  const accuracies = generatedAccuracies(own);
  if (accuracies === null) return {};
  const other = control === null ? null : generatedAccuracies(control);
  const difference = other === null ? null : pairedDifference(accuracies, other);
  return { generated: { accuracy: spread(accuracies), difference } };
}

function generatedAccuracies(scores: readonly SeedScore[]): number[] | null {
  const found = scores.flatMap(({ macroGenerated = null }) => (macroGenerated === null ? [] : [macroGenerated]));
  return found.length === scores.length ? found : null;
}

/** Shares of the chosen rows by what was done to them, over all seeds; null where nothing was done. */
function takenShares(own: readonly SeedScore[]): TakenShare[] | null {
  const sums = new Map<StressKind, { allCount: number; selectedCount: number }>();
  for (const { stress } of own) {
    if (stress === null) return null;
    for (const { kind, allCount, selectedCount } of stress) {
      const sum = sums.get(kind) ?? { allCount: 0, selectedCount: 0 };
      sums.set(kind, { allCount: sum.allCount + allCount, selectedCount: sum.selectedCount + selectedCount });
    }
  }
  const all = [...sums.values()].reduce((sum, { allCount }) => sum + allCount, 0);
  const selected = [...sums.values()].reduce((sum, { selectedCount }) => sum + selectedCount, 0);
  return [...sums].map(([kind, { allCount, selectedCount }]) => ({
    kind,
    allShare: allCount / Math.max(1, all),
    selectedShare: selectedCount / Math.max(1, selected),
  }));
}

/** Mean over tasks of accuracy over the full model's, by seed; null where that one gets nothing right. */
function relativeSpread(own: readonly SeedScore[], full: FullScores): ScoreSpread | null {
  const shares = own.flatMap(({ seed, tasks }) => {
    const whole = full.get(seed)!;
    // A task in which the full model gets nothing right is no measure.
    const ratios = tasks.flatMap(({ task, correctCount, rowCount }) =>
      rowCount === 0 || (whole.get(task) ?? 0) === 0 ? [] : [correctCount / rowCount / whole.get(task)!],
    );
    return ratios.length === 0 ? [] : [mean(ratios)];
  });
  return shares.length === own.length ? spread(shares) : null;
}

function accuracyIn({ tasks }: SeedScore, task: string): number {
  const { correctCount, rowCount } = tasks.find((one) => one.task === task) ?? { correctCount: 0, rowCount: 0 };
  return rowCount === 0 ? 0 : correctCount / rowCount;
}

/** Mean and sample standard deviation of values by seed. */
export function spread(scores: readonly number[]): ScoreSpread {
  return { scores: [...scores], mean: mean(scores), deviation: scores.length < 2 ? null : standardDeviation(scores) };
}

/** Method minus baseline over paired seeds. @param treated [seed], `control` [seed] likewise */
export function pairedDifference(treated: readonly number[], control: readonly number[]): PairedDifference {
  const differences = treated.map((score, index) => score - control[index]!);
  const winCount = differences.filter((difference) => difference > 0).length;
  if (differences.length < 2) {
    const nothing = { interval: null, bootstrap: null, pValue: null, signedRankP: null, adjustedP: null };
    return { mean: mean(differences), winCount, ...nothing };
  }
  const { mean: center, low, high } = pairedInterval(treated, control, CONFIDENCE);
  const options = { confidence: CONFIDENCE, resampleCount: RESAMPLE_COUNT, stream: 'bootstrap', seed: 0 };
  const resampled = bootstrapInterval(differences, options);
  return {
    mean: center,
    interval: [low, high],
    bootstrap: [resampled.low, resampled.high],
    pValue: pairedTTest(differences),
    signedRankP: signedRankTest(differences),
    adjustedP: null,
    winCount,
  };
}

function adjusted(compared: readonly MethodScores[]): MethodScores[] {
  const tested = compared.flatMap(({ method, difference }) =>
    difference === null || difference.pValue === null ? [] : [{ method, pValue: difference.pValue }],
  );
  const byHolm = holmAdjusted(tested.map(({ pValue }) => pValue));
  const adjustedP = new Map(tested.map(({ method }, index) => [method, byHolm[index]!]));
  return compared.map((scores) => ({
    ...scores,
    difference: scores.difference && { ...scores.difference, adjustedP: adjustedP.get(scores.method) ?? null },
  }));
}
