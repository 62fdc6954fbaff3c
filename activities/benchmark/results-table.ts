// The results of a benchmark as Parquet: one line for each training and task, to be read by any table tool.
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { ColumnSource } from 'hyparquet-writer';
import type { BenchmarkArm } from '../../contracts/messages/benchmark.ts';
import type { GeneratedScore } from '../../contracts/messages/training.ts';
import { generatedAccuracy } from '../../contracts/task-scores.ts';

/**
 * Parquet with a line for every training and task: `seed`, `budget` (null for a budget in rows), `length`, `full`
 * (tuned on all rows), `method`, `rows`, `steps`, `task`, `test_rows`, `correct`, `accuracy`, `mean_loss`. The macro
 * accuracy is the mean of `accuracy` over the tasks of a training. Where answers were generated, behind these
 * `generated_rows`, `generated_accuracy` and `own_scorer`, null in tasks whose answers are not short.
 */
export function resultsParquet(arms: readonly BenchmarkArm[]): Uint8Array {
  const lines = arms.flatMap((arm) => arm.tasks.map((score) => ({ arm, score })));
  const isGenerated = lines.some(({ score }) => score.generated !== undefined);
  const column = <Value>(read: (line: (typeof lines)[number]) => Value): Value[] => lines.map(read);
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'seed', type: 'INT64', data: column(({ arm }) => BigInt(arm.seed)) },
        { name: 'budget', type: 'DOUBLE', nullable: true, data: column(({ arm }) => arm.budget) },
        { name: 'length', type: 'STRING', data: column(({ arm }) => arm.length) },
        { name: 'full', type: 'BOOLEAN', data: column(({ arm }) => arm.isFull) },
        { name: 'method', type: 'STRING', data: column(({ arm }) => arm.method) },
        { name: 'rows', type: 'INT32', data: column(({ arm }) => arm.rowCount) },
        { name: 'steps', type: 'INT32', data: column(({ arm }) => arm.stepCount) },
        { name: 'task', type: 'STRING', data: column(({ score }) => score.task) },
        { name: 'test_rows', type: 'INT32', data: column(({ score }) => score.rowCount) },
        { name: 'correct', type: 'INT32', data: column(({ score }) => score.correctCount) },
        {
          name: 'accuracy',
          type: 'DOUBLE',
          data: column(({ score }) => (score.rowCount === 0 ? 0 : score.correctCount / score.rowCount)),
        },
        { name: 'mean_loss', type: 'DOUBLE', data: column(({ score }) => score.meanLoss) },
        ...(isGenerated ? generatedColumns(lines.map(({ score }) => score.generated ?? null)) : []),
      ],
    }),
  );
}

function generatedColumns(scores: readonly (GeneratedScore | null)[]): ColumnSource[] {
  return [
    { name: 'generated_rows', type: 'INT32', nullable: true, data: scores.map((score) => score?.rowCount ?? null) },
    {
      name: 'generated_accuracy',
      type: 'DOUBLE',
      nullable: true,
      data: scores.map((score) => (score === null ? null : generatedAccuracy(score))),
    },
    { name: 'own_scorer', type: 'BOOLEAN', nullable: true, data: scores.map((score) => score?.isOwnScorer ?? null) },
  ];
}
