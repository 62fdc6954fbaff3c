// What each task is worth, with intervals and means of its rows.
import { bootstrapInterval, mean, standardDeviation } from '../../algorithms/statistics.ts';
import type { TaskStatistics } from '../../algorithms/task-values.ts';
import type { TaskValueKind } from '../../contracts/config.ts';
import type { TaskValue } from '../../contracts/messages/values.ts';
import type { ValueColumns } from './value-columns.ts';

/** Tasks larger than this get a normal interval: the bootstrap would take long and say the same. */
const BOOTSTRAP_ROWS = 2000;
const RESAMPLES = 400;

/** @param names of the tasks, by index */
export function describeTasks(
  names: readonly string[],
  statistics: TaskStatistics,
  columns: ValueColumns,
  kind: TaskValueKind,
  seed: number,
): TaskValue[] {
  const positions: number[][] = names.map(() => []);
  columns.taskIndex.forEach((taskIndex, position) => positions[taskIndex]!.push(position));
  return names.map((task, taskIndex) => {
    const rows = positions[taskIndex]!;
    const values = Float64Array.from(rows, (position) => rowValue(columns, position, kind));
    const average = (column: ArrayLike<number>): number => mean(rows.map((position) => column[position]!));
    return {
      task,
      rowCount: rows.length,
      value: statistics.taskValue[kind][taskIndex]!,
      interval: valueInterval(values, `bootstrap/values/${task}`, seed),
      meanLoss: average(columns.loss),
      meanSupervisedTokens: average(columns.supervisedTokenCount),
    };
  });
}

function rowValue({ gradientNorm, supervisedTokenCount }: ValueColumns, position: number, kind: TaskValueKind): number {
  const norm = gradientNorm[position]!;
  if (kind === 'self_influence') return norm * norm;
  return kind === 'gradient_norm' ? norm : norm * supervisedTokenCount[position]!;
}

function valueInterval(values: Float64Array, stream: string, seed: number): [number, number] | null {
  if (values.length < 2) return null;
  if (values.length > BOOTSTRAP_ROWS) {
    const half = (1.96 * standardDeviation(values)) / Math.sqrt(values.length);
    return [mean(values) - half, mean(values) + half];
  }
  const { low, high } = bootstrapInterval(values, { confidence: 0.95, resampleCount: RESAMPLES, stream, seed });
  return [low, high];
}
