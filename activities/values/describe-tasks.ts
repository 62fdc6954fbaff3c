// What each task is worth, with intervals and means of its rows.
import { bootstrapCentre, centreOf, normalInterval } from '../../algorithms/robust-means.ts';
import type { CentreKind } from '../../algorithms/robust-means.ts';
import { bootstrapInterval, mean } from '../../algorithms/statistics.ts';
import type { TaskStatistics } from '../../algorithms/task-values.ts';
import type { MeanValueKind, TaskValueKind } from '../../contracts/config.ts';
import type { TaskValue } from '../../contracts/messages/values.ts';
import type { ValueColumns } from './value-columns.ts';

/** Tasks larger than this get a normal interval: the bootstrap would take long and say the same. */
const BOOTSTRAP_ROWS = 2000;
const RESAMPLES = 400;

/** Which centre of the rows a task value is; the means come from the pass over the table, which adds exactly. */
const CENTRES: Readonly<Record<TaskValueKind, CentreKind>> = {
  gradient_norm: 'mean',
  self_influence: 'mean',
  gradient_norm_sum: 'mean',
  gradient_norm_trimmed: 'trimmed',
  gradient_norm_winsorised: 'winsorised',
  gradient_norm_median: 'median',
};

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
  const centre = CENTRES[kind];
  return names.map((task, taskIndex) => {
    const rows = positions[taskIndex]!;
    const values = Float64Array.from(rows, (position) => rowValue(columns, position, kind));
    const average = (column: ArrayLike<number>): number => mean(rows.map((position) => column[position]!));
    return {
      task,
      rowCount: rows.length,
      value: isMean(kind) ? statistics.taskValue[kind][taskIndex]! : centreOf(values, centre),
      interval: valueInterval(values, centre, `bootstrap/values/${task}`, seed),
      meanLoss: average(columns.loss),
      meanSupervisedTokens: average(columns.supervisedTokenCount),
    };
  });
}

function isMean(kind: TaskValueKind): kind is MeanValueKind {
  return CENTRES[kind] === 'mean';
}

function rowValue({ gradientNorm, supervisedTokenCount }: ValueColumns, position: number, kind: TaskValueKind): number {
  const norm = gradientNorm[position]!;
  if (kind === 'self_influence') return norm * norm;
  return kind === 'gradient_norm_sum' ? norm * supervisedTokenCount[position]! : norm;
}

function valueInterval(
  values: Float64Array,
  centre: CentreKind,
  stream: string,
  seed: number,
): [number, number] | null {
  if (values.length < 2) return null;
  if (values.length > BOOTSTRAP_ROWS) return normalInterval(values, centre);
  const options = { confidence: 0.95, resampleCount: RESAMPLES, stream, seed };
  const { low, high } =
    centre === 'mean' ? bootstrapInterval(values, options) : bootstrapCentre(values, centre, options);
  return [low, high];
}
