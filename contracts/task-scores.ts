// What the scores of tasks say together.
import type { GeneratedScore, TaskScore } from './messages/training.ts';

/** Mean score of a task's generated answers, in [0, 1]. */
export function generatedAccuracy({ scoreSum, rowCount }: GeneratedScore): number {
  return rowCount === 0 ? 0 : scoreSum / rowCount;
}

/** Mean over the tasks with short answers of their generated accuracy; null where there is none. */
export function macroGenerated(tasks: readonly Pick<TaskScore, 'generated'>[]): number | null {
  const scores = tasks.flatMap(({ generated }) => (generated ? [generatedAccuracy(generated)] : []));
  return scores.length === 0 ? null : scores.reduce((sum, score) => sum + score, 0) / scores.length;
}
