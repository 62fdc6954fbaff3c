// Scores of all models on the test rows, with paired intervals.
import { quantiles } from '../../algorithms/statistics.ts';
import { createRandom } from '../../algorithms/random-stream.ts';
import type { MethodResult, RunResult } from '../../contracts/messages/run.ts';
import type { EvaluationResult } from '../../contracts/messages/training.ts';
import type { DifferenceSummary, EvaluationSummary, ScoreSummary } from '../../contracts/summary.ts';
import type { Store } from '../../store/store.ts';
import { outcomesTable } from '../../tables/outcomes.ts';

const RESAMPLES = 1000;
const TAIL = 0.025;

/** Below so many test rows, or below two in a task, an interval would look surer than it is. */
const LEAST_TEST_ROWS = 30;

/** Which rows a model answered right, `[example]` by task, each task's rows by ascending row index. */
export type Outcomes = ReadonlyMap<string, Uint8Array>;

/** Scores of the run's methods and of the base model with paired intervals; null where nothing was evaluated. */
export async function summarizeEvaluation(store: Store, result: RunResult): Promise<EvaluationSummary | null> {
  const { methods, baseEvaluation, config } = result;
  const tuned = methods.flatMap((done) =>
    done.evaluation === null ? [] : [{ ...methodAndCount(done), evaluation: done.evaluation }],
  );
  const base = baseEvaluation === null ? [] : [{ method: null, selectedCount: 0, evaluation: baseEvaluation }];
  const models = [...tuned, ...base];
  if (models.length === 0) return null;
  const outcomes: Outcomes[] = [];
  for (const { evaluation } of models) outcomes.push(await readOutcomes(store, evaluation));
  const resamples = bootstrapAccuracies(outcomes, config.run.seed);
  const scores = models.map(({ method, selectedCount, evaluation }, index): ScoreSummary => ({
    method,
    selectedCount,
    macroAccuracy: evaluation.macroAccuracy,
    interval: resamples === null ? null : interval(resamples[index]!),
    meanLoss: evaluation.meanLoss,
    tasks: evaluation.tasks.map(({ task, rowCount, correctCount }) => ({
      task,
      rowCount,
      accuracy: rowCount === 0 ? 0 : correctCount / rowCount,
    })),
  }));
  const ownIndex = tuned.findIndex(({ method }) => method === config.selection.method);
  const differences =
    ownIndex < 0
      ? []
      : models.flatMap((_, index) => (index === ownIndex ? [] : [difference(scores, resamples, ownIndex, index)]));
  return { testRowCount: [...outcomes[0]!.values()].reduce((sum, rows) => sum + rows.length, 0), scores, differences };
}

function methodAndCount({ method, selection, allocation }: MethodResult) {
  return { method, selectedCount: selection?.rowCount ?? allocation.budget };
}

/** The answers of a model by task. */
export async function readOutcomes(store: Store, { outcomes }: EvaluationResult): Promise<Outcomes> {
  const tasks = new Map<string, { rowIndex: number; correct: boolean }[]>();
  for await (const { task, correct, rowIndex } of outcomesTable.read(store, outcomes)) {
    for (const [row, name] of task.entries()) {
      let rows = tasks.get(name);
      if (rows === undefined) tasks.set(name, (rows = []));
      rows.push({ rowIndex: rowIndex[row]!, correct: correct[row]! });
    }
  }
  const byName = [...tasks].sort(([left], [right]) => (left < right ? -1 : 1));
  return new Map(
    byName.map(([task, rows]) => [
      task,
      Uint8Array.from(
        rows.sort((left, right) => left.rowIndex - right.rowIndex),
        ({ correct }) => Number(correct),
      ),
    ]),
  );
}

/**
 * Macro accuracies of resampled test sets, the same resamples for every model: inside each task as many rows as it has
 * are drawn with replacement, and the mean over tasks of the share of right ones is taken.
 *
 * @param outcomes [model] over the same test rows.
 * @returns [model][resample]; null where there are too few test rows. Cost resamples · rows · models.
 * @throws RangeError where two models have not been tested on the same rows.
 */
export function bootstrapAccuracies(outcomes: readonly Outcomes[], seed: number): Float64Array[] | null {
  const [first] = outcomes;
  if (first === undefined) return null;
  for (const other of outcomes) assertSameRows(first, other);
  const sizes = [...first.values()].map((rows) => rows.length);
  if (sizes.reduce((sum, size) => sum + size, 0) < LEAST_TEST_ROWS || sizes.some((size) => size < 2)) return null;
  const accuracies = outcomes.map(() => new Float64Array(RESAMPLES));
  const random = createRandom('bootstrap/evaluation', seed);
  for (let resample = 0; resample < RESAMPLES; resample += 1) {
    for (const [task, { length }] of first) {
      const rows = outcomes.map((model) => model.get(task)!);
      for (let draw = 0; draw < length; draw += 1) {
        const row = random.integer(length);
        for (const [model, correct] of rows.entries())
          accuracies[model]![resample]! += correct[row]! / (length * first.size);
      }
    }
  }
  return accuracies;
}

function assertSameRows(left: Outcomes, right: Outcomes): void {
  const sizes = (outcomes: Outcomes): string =>
    [...outcomes].map(([task, rows]) => `${task} ${rows.length}`).join(', ');
  if (sizes(left) !== sizes(right)) {
    throw new RangeError(`report: all models must be tested on the same rows, got ${sizes(left)} and ${sizes(right)}`);
  }
}

function difference(
  scores: readonly ScoreSummary[],
  resamples: readonly Float64Array[] | null,
  own: number,
  other: number,
): DifferenceSummary {
  const { method, selectedCount, macroAccuracy } = scores[other]!;
  const paired = resamples?.[own]!.map((accuracy, resample) => accuracy - resamples[other]![resample]!);
  return {
    method,
    selectedCount,
    difference: scores[own]!.macroAccuracy - macroAccuracy,
    interval: paired === undefined ? null : interval(paired),
  };
}

/** 95 % of resampled values. */
export function interval(values: Float64Array): [number, number] {
  return quantiles(values, [TAIL, 1 - TAIL]) as [number, number];
}
