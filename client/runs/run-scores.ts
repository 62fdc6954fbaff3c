// Scores of a run's models, with the intervals of the report.
import { summarizeEvaluation } from '../../activities/report/evaluation-summary.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { openStore } from '../../store/open-store.ts';

/** A model's score on the test rows. */
export interface RunScore {
  /** `base`: the model before any fine-tuning. */
  method: string;
  /** Mean over tasks of the share of exactly right answers, in [0, 1]. */
  accuracy: number;
  /** 95 % interval over test rows; null where there are too few of them. */
  interval: [number, number] | null;
}

/** Of the run's methods and of the base model; none where nothing was evaluated. */
export async function readScores(result: RunResult): Promise<RunScore[]> {
  const summary = await summarizeEvaluation(openStore(result.config.store.uri), result);
  return (summary?.scores ?? []).map(({ method, macroAccuracy, interval }) => ({
    method: method ?? 'base',
    accuracy: macroAccuracy,
    interval,
  }));
}
