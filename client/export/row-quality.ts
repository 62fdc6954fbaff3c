// What a finished run's tables say of every row: how hard it is, whether its answer is suspect, what it is a copy of.
import { groupByTask } from '../../algorithms/group-rows.ts';
import { guardLosses } from '../../algorithms/loss-filters.ts';
import { filterSettings } from '../../activities/selection/filter.ts';
import { countAnswers, markWarmupRows } from '../../activities/selection/guarded-rows.ts';
import { findNearDuplicates } from '../../activities/selection/near-duplicate-rows.ts';
import { readValues } from '../../activities/selection/values-columns.ts';
import type { ValuedRows } from '../../activities/selection/values-columns.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { openStore } from '../../store/open-store.ts';
import type { Store } from '../../store/store.ts';
import { openGradientTable } from '../../tables/gradients.ts';
import { rowsTable } from '../../tables/rows.ts';
import { plainId } from './export-table.ts';
import type { ParquetColumn, TableColumns } from './parquet-file.ts';

/** Groups of near-copies that are named of each task. */
const SHOWN_GROUPS = 3;

/** The quality of all rows with values, in the order of the values table. */
export interface RowQuality {
  /** [task] names. */
  tasks: readonly string[];
  rows: ValuedRows;
  /** [example] share of the task's rows whose loss is not higher, in (0, 1]. */
  lossPercentile: Float64Array;
  /**
   * [example] whether the answer is less likely than half of chance, as the loss guard has it; null for rows that the
   * reference model was tuned on, and in tasks whose answers are open-ended or cannot be read.
   */
  isBadLoss: (boolean | null)[];
  /** [example] place of the row that it is a near-copy of; its own where it is none. */
  copyOf: Uint32Array;
  /** [example] rows of its group of near-copies, itself included. */
  groupSize: Uint32Array;
}

/** @throws RangeError where the run has no values */
export async function rowQuality(store: Store, { dataset, gradients, values, config }: RunResult): Promise<RowQuality> {
  if (dataset === null || gradients === null || values === null)
    throw new RangeError('quality: run must have values, got none; tive run RECIPE --until values');
  // Nothing is saved in between, and a command is ended by its signals.
  const pulse = { pause: (): Promise<void> => new Promise((resolve) => setImmediate(resolve)) };
  const tasks = values.tasks.map(({ task }) => task);
  const rows = await readValues(store, values.values, tasks, config.values.instanceValue);
  const { nearDuplicateCosine: cosine } = filterSettings(config.selection);
  const table = await openGradientTable(store, [gradients.gradients, ...gradients.reused]);
  const dropped = new Uint8Array(rows.rowIndex.length);
  const work = { rows, taskCount: tasks.length, table, cosine, dropped };
  const copyOf = await findNearDuplicates(store, work, pulse);
  const sizes = new Uint32Array(copyOf.length);
  for (const row of copyOf) sizes[row]! += 1;
  const answerCounts = await countAnswers(store, openStore, config, dataset.rows, rows, tasks.length, pulse);
  const isWarmup = await markWarmupRows(store, config, dataset.rows, rows);
  return {
    tasks,
    rows,
    lossPercentile: lossPercentiles(rows, tasks.length),
    isBadLoss: badLosses(rows, answerCounts, isWarmup),
    copyOf,
    groupSize: copyOf.map((row) => sizes[row]!),
  };
}

/** [example] share of the task's rows whose loss is not higher. O(n log n). */
export function lossPercentiles({ taskIndex, columns: { loss } }: ValuedRows, taskCount: number): Float64Array {
  const found = new Float64Array(loss.length);
  for (const group of groupByTask(taskIndex, taskCount)) {
    const falling = [...group].sort((left, right) => loss[right]! - loss[left]!);
    let higher = 0;
    for (const [place, row] of falling.entries()) {
      if (place > 0 && loss[row] !== loss[falling[place - 1]!]) higher = place;
      found[row] = (falling.length - higher) / falling.length;
    }
  }
  return found;
}

/** Marks of the loss guard, whether or not the task has enough of them for it to leave rows out. */
export function badLosses(
  { columns: { loss, supervised_token_count: supervisedTokenCount }, ...rows }: ValuedRows,
  answerCounts: readonly (number | null)[],
  isWarmup: Uint8Array,
): (boolean | null)[] {
  const { dropped } = guardLosses({ ...rows, loss, supervisedTokenCount }, { answerCounts, isWarmup, limit: 0 });
  return Array.from(dropped, (mark, row) =>
    isWarmup[row] === 1 || answerCounts[rows.taskIndex[row]!] === null ? null : mark === 1,
  );
}

/** What one task's rows look like together. */
export interface TaskQuality {
  task: string;
  rowCount: number;
  /** Bad losses among the rows that can be told; null where none can. */
  suspectShare: number | null;
  /** Rows that are near-copies of another one. */
  copyShare: number;
  /** The largest groups of near-copies, those of one row left out: the row that stands for it, and its rows. */
  groups: { rowIndex: number; rowCount: number }[];
}

/** The tasks in their order. */
export function taskQualities({ tasks, rows, isBadLoss, copyOf, groupSize }: RowQuality): TaskQuality[] {
  return groupByTask(rows.taskIndex, tasks.length).map((group, index): TaskQuality => {
    const told = [...group].filter((row) => isBadLoss[row] !== null);
    const bad = told.filter((row) => isBadLoss[row] === true);
    const heads = [...group].filter((row) => copyOf[row] === row);
    const groups = heads
      .filter((row) => groupSize[row]! > 1)
      .map((row) => ({ rowIndex: rows.rowIndex[row]!, rowCount: groupSize[row]! }))
      .sort((left, right) => right.rowCount - left.rowCount || left.rowIndex - right.rowIndex);
    return {
      task: tasks[index]!,
      rowCount: group.length,
      suspectShare: told.length === 0 ? null : bad.length / told.length,
      copyShare: group.length === 0 ? 0 : (group.length - heads.length) / group.length,
      groups: groups.slice(0, SHOWN_GROUPS),
    };
  });
}

/** Columns of the file: who a row is, how hard, how suspect, of how many copies. */
export const QUALITY_COLUMNS: readonly ParquetColumn[] = [
  { name: 'row_index', type: 'INT32', optional: false },
  { name: 'id', type: 'BYTE_ARRAY', optional: true },
  { name: 'task', type: 'BYTE_ARRAY', optional: false },
  { name: 'loss', type: 'DOUBLE', optional: false },
  { name: 'loss_percentile', type: 'DOUBLE', optional: false },
  { name: 'gradient_norm', type: 'DOUBLE', optional: false },
  { name: 'el2n', type: 'DOUBLE', optional: false },
  { name: 'bad_loss', type: 'BOOLEAN', optional: true },
  { name: 'near_copies', type: 'INT32', optional: false },
  { name: 'representative', type: 'INT32', optional: false },
];

/** Values of {@link QUALITY_COLUMNS} in row order, whatever the order of the values. */
export async function* qualityColumns(
  store: Store,
  { dataset }: RunResult,
  { rows, lossPercentile, isBadLoss, copyOf, groupSize }: RowQuality,
): AsyncGenerator<TableColumns> {
  const { loss, gradient_norm: gradientNorm, el2n } = rows.columns;
  const placeOf = new Map(Array.from(rows.rowIndex, (index, place) => [index, place]));
  for await (const { rowIndex, id, task } of rowsTable.read(store, dataset!.rows)) {
    const taken = [...rowIndex.keys()].filter((row) => placeOf.has(rowIndex[row]!));
    if (taken.length === 0) continue;
    const places = taken.map((row) => placeOf.get(rowIndex[row]!)!);
    yield [
      taken.map((row) => rowIndex[row]!),
      taken.map((row) => plainId(id[row] ?? null)),
      taken.map((row) => task[row]!),
      ...[loss, lossPercentile, gradientNorm, el2n].map((column) => places.map((place) => column[place]!)),
      places.map((place) => isBadLoss[place]!),
      places.map((place) => groupSize[place]!),
      places.map((place) => rows.rowIndex[copyOf[place]!]!),
    ];
  }
}
