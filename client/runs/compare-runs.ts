// How the selections and values of two runs agree.
import { kendallTau } from '../../algorithms/rank-correlation.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { openStore } from '../../store/open-store.ts';
import { contentKeyAt } from '../../tables/hash-column.ts';
import { selectionTable } from '../../tables/selection.ts';
import { instanceValues, valuesTable } from '../../tables/values.ts';

/** How two runs' selections and values agree. Rows are the same where their contents are. */
export interface RunComparison {
  /** Different rows that each has selected. */
  selectedCounts: [number, number];
  sharedCount: number;
  /** Shared rows over those that either has; 1 where both have none. */
  jaccard: number;
  /**
   * Kendall's τ_b of the instance values of rows that both have valued, and of the values of common tasks; null: too
   * few.
   */
  instanceValueTau: number | null;
  taskValueTau: number | null;
  commonRowCount: number;
  /** Share of each task in either selection, copies counted. */
  mixtures: { task: string; shares: [number, number] }[];
}

/** Which rows two selections have, by the runs' own row indexes, and how many of each task, copies counted. */
export interface SelectionDifference {
  bothCount: number;
  /** Ascending. */
  onlyLeft: number[];
  onlyRight: number[];
  tasks: { task: string; left: number; right: number }[];
}

/** The rows that one of two selections has alone. @throws RangeError where a run has no selection */
export async function differRuns(left: RunResult, right: RunResult): Promise<SelectionDifference> {
  const [one, other] = [await readSelection(left), await readSelection(right)];
  const alone = (own: Selection, against: Selection): number[] =>
    [...own.rows].flatMap(([hash, row]) => (against.rows.has(hash) ? [] : [row])).sort((a, b) => a - b);
  const onlyLeft = alone(one, other);
  return {
    bothCount: one.rows.size - onlyLeft.length,
    onlyLeft,
    onlyRight: alone(other, one),
    tasks: tasksOf(one, other).map((task) => ({
      task,
      left: one.tasks.get(task) ?? 0,
      right: other.tasks.get(task) ?? 0,
    })),
  };
}

function tasksOf(one: Selection, other: Selection): string[] {
  return [...new Set([...one.tasks.keys(), ...other.tasks.keys()])].sort();
}

/** @throws RangeError where a run has no selection */
export async function compareRuns(left: RunResult, right: RunResult): Promise<RunComparison> {
  const [one, other] = [await readSelection(left), await readSelection(right)];
  const sharedCount = [...one.rows.keys()].filter((hash) => other.rows.has(hash)).length;
  const union = one.rows.size + other.rows.size - sharedCount;
  const [first, second] = [await readValues(left), await readValues(right)];
  const common = [...first].filter(([hash]) => second.has(hash));
  const tasks = tasksOf(one, other);
  const share = ({ tasks: counts, total }: Selection, task: string): number =>
    total === 0 ? 0 : (counts.get(task) ?? 0) / total;
  return {
    selectedCounts: [one.rows.size, other.rows.size],
    sharedCount,
    jaccard: union === 0 ? 1 : sharedCount / union,
    instanceValueTau: tauOf(
      common.map(([, value]) => value),
      common.map(([hash]) => second.get(hash)!),
    ),
    taskValueTau: tauOfTasks(left, right),
    commonRowCount: common.length,
    mixtures: tasks.map((task) => ({ task, shares: [share(one, task), share(other, task)] })),
  };
}

function tauOf(x: readonly number[], y: readonly number[]): number | null {
  const tau = kendallTau(x, y);
  return Number.isNaN(tau) ? null : tau;
}

function tauOfTasks(left: RunResult, right: RunResult): number | null {
  const valuesOf = ({ values }: RunResult): Map<string, number> =>
    new Map((values?.tasks ?? []).flatMap(({ task, value }) => (value === null ? [] : [[task, value]])));
  const [first, second] = [valuesOf(left), valuesOf(right)];
  const common = [...first.keys()].filter((task) => second.has(task));
  return tauOf(
    common.map((task) => first.get(task)!),
    common.map((task) => second.get(task)!),
  );
}

interface Selection {
  /** Row index of each content; of equal contents the last. */
  rows: ReadonlyMap<string, number>;
  /** Copies by task, and in all. */
  tasks: ReadonlyMap<string, number>;
  total: number;
}

async function readSelection({ runName, methods, config }: RunResult): Promise<Selection> {
  const selection = methods[0]?.selection ?? null;
  if (selection === null)
    throw new RangeError(
      `compare: run must have a selection, got none in ${runName}; tive run RECIPE --until selection`,
    );
  const store = openStore(config.store.uri);
  const rows = new Map<string, number>();
  const tasks = new Map<string, number>();
  let total = 0;
  for await (const { rowIndex, contentHash, task, copies } of selectionTable.read(store, selection.selection)) {
    for (const [row, name] of task.entries()) {
      rows.set(contentKeyAt(contentHash, row), rowIndex[row]!);
      tasks.set(name, (tasks.get(name) ?? 0) + copies[row]!);
      total += copies[row]!;
    }
  }
  return { rows, tasks, total };
}

/** The run's instance value of each content; of equal contents the last. */
async function readValues({ values, config }: RunResult): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  if (values === null) return found;
  const store = openStore(config.store.uri);
  for await (const batch of valuesTable.read(store, values.values)) {
    for (const [row, value] of instanceValues(batch, config.values.instanceValue).entries())
      found.set(contentKeyAt(batch.contentHash, row), value);
  }
  return found;
}
