// The rounds of a selection: how many rows each left, and what a model tuned on them scores.
import type { RunResult } from '../../contracts/messages/run.ts';
import type { RoundSummary } from '../../contracts/summary.ts';
import type { Store } from '../../store/store.ts';
import { bootstrapAccuracies, interval, readOutcomes } from './evaluation-summary.ts';

/** Every round with the change of the score to the one before it; null for a selection of one round. */
export async function summarizeRounds(store: Store, result: RunResult): Promise<RoundSummary[] | null> {
  const { rounds = [], methods, config } = result;
  const own = methods.find(({ method }) => method === config.selection.method);
  const selection = own?.selection ?? null;
  if (rounds.length === 0 || own === undefined || selection === null) return null;
  const last = { fromCount: rounds.at(-1)!.rowCount, rowCount: selection.rowCount, evaluation: own.evaluation };
  const all = [...rounds, last];
  const evaluations = all.flatMap(({ evaluation }) => (evaluation === null ? [] : [evaluation]));
  const isScored = evaluations.length === all.length;
  const outcomes = [];
  if (isScored) for (const evaluation of evaluations) outcomes.push(await readOutcomes(store, evaluation));
  const resamples = isScored ? bootstrapAccuracies(outcomes, config.run.seed) : null;
  return all.map(({ fromCount, rowCount, evaluation }, index) => {
    const accuracy = evaluation?.macroAccuracy ?? null;
    const before = index === 0 ? null : (all[index - 1]!.evaluation?.macroAccuracy ?? null);
    const paired = index === 0 ? undefined : resamples?.[index]!.map((one, at) => one - resamples[index - 1]![at]!);
    const range = paired === undefined ? null : interval(paired);
    const change = accuracy === null || before === null ? null : { difference: accuracy - before, interval: range };
    return { fromCount, rowCount, macroAccuracy: accuracy, change };
  });
}
