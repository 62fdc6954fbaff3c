// Scores of all models on the test rows, with paired intervals.
import { quantiles } from '../../algorithms/statistics.ts';
import { createRandom } from '../../algorithms/random-stream.ts';
import type { MethodResult, RunResult } from '../../contracts/messages/run.ts';
import type { EvaluationResult } from '../../contracts/messages/training.ts';
import type { DifferenceSummary, EvaluationSummary, GeneratedSummary, ScoreSummary } from '../../contracts/summary.ts';
import { generatedAccuracy } from '../../contracts/task-scores.ts';
import type { Store } from '../../store/store.ts';
import { readOutcomesTable } from '../../tables/outcomes.ts';
import type { GeneratedOutcomesBatch, OutcomesBatch } from '../../tables/outcomes.ts';

const RESAMPLES = 1000;
const TAIL = 0.025;

/** Below so many test rows, or below two in a task, an interval would look surer than it is. */
const LEAST_TEST_ROWS = 30;

/** Scores of a model's answers, right 1 and wrong 0, `[example]` by task, each task's rows by ascending row index. */
export type Outcomes = ReadonlyMap<string, ArrayLike<number>>;

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
  const generated = await summarizeGenerated(
    store,
    models.map(({ evaluation }) => evaluation),
    config.run.seed,
  );
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
    ...(generated && { generated: generated[index]! }),
  }));
  const ownIndex = tuned.findIndex(({ method }) => method === config.selection.method);
  const differences =
    ownIndex < 0
      ? []
      : models.flatMap((_, index) => (index === ownIndex ? [] : [difference(scores, resamples, ownIndex, index)]));
  const testRowCount = [...outcomes[0]!.values()].reduce((sum, rows) => sum + rows.length, 0);
  return { testRowCount, scores, differences, ...(generated && askedOf(models[0]!.evaluation)) };
}

/** Which tasks were not asked for free text, and how many rows of the others. */
function askedOf({ tasks }: EvaluationResult): Pick<EvaluationSummary, 'asked'> {
  const leftOut = tasks.flatMap(({ task, generated }) => (generated ? [] : [task]));
  const cut = tasks.map(({ rowCount, generated }) => (generated ? rowCount - generated.rowCount : 0));
  return { asked: { leftOut, cutRowCount: cut.reduce((sum, count) => sum + count, 0) } };
}

/** What each model's generated answers score; null where none were generated. */
async function summarizeGenerated(
  store: Store,
  evaluations: readonly EvaluationResult[],
  seed: number,
): Promise<GeneratedSummary[] | null> {
  if (evaluations.some(({ macroGenerated }) => macroGenerated === undefined)) return null;
  const outcomes: Outcomes[] = [];
  for (const evaluation of evaluations) outcomes.push(await readGenerated(store, evaluation));
  const resamples = bootstrapAccuracies(outcomes, seed);
  return evaluations.map(({ macroGenerated = null, tasks }, index) => ({
    accuracy: macroGenerated,
    interval: resamples === null ? null : interval(resamples[index]!),
    tasks: tasks.flatMap(({ task, generated }) => {
      if (!generated) return [];
      const { rowCount, isOwnScorer } = generated;
      return [{ task, rowCount, accuracy: generatedAccuracy(generated), isOwnScorer }];
    }),
  }));
}

function methodAndCount({ method, selection, allocation }: MethodResult) {
  return { method, selectedCount: selection?.rowCount ?? allocation.budget };
}

/** Which test rows a model answered right, by task. */
export function readOutcomes(store: Store, evaluation: EvaluationResult): Promise<Outcomes> {
  return readScores(store, evaluation, ({ correct }) => correct.map(Number));
}

/** Scores of a model's generated answers by task, of the rows that were asked. */
function readGenerated(store: Store, evaluation: EvaluationResult): Promise<Outcomes> {
  return readScores(store, evaluation, (batch) => ('generatedScore' in batch ? batch.generatedScore : []));
}

async function readScores(
  store: Store,
  evaluation: EvaluationResult,
  scoresOf: (batch: OutcomesBatch | GeneratedOutcomesBatch) => readonly (number | null)[],
): Promise<Outcomes> {
  const tasks = new Map<string, { rowIndex: number; score: number }[]>();
  for await (const batch of readOutcomesTable(store, evaluation)) {
    const { task, rowIndex } = batch;
    for (const [row, score] of scoresOf(batch).entries()) {
      if (score === null) continue;
      const name = task[row]!;
      let rows = tasks.get(name);
      if (rows === undefined) tasks.set(name, (rows = []));
      rows.push({ rowIndex: rowIndex[row]!, score });
    }
  }
  const byName = [...tasks].sort(([left], [right]) => (left < right ? -1 : 1));
  return new Map(
    byName.map(([task, rows]) => [
      task,
      Float64Array.from(
        rows.sort((left, right) => left.rowIndex - right.rowIndex),
        ({ score }) => score,
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
