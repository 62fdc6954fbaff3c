// The choice of rows by a method: its selector in each group, then as many rows as the quotas say.
import type { SelectionConfig, SelectionMethod } from '../../contracts/config.ts';
import { METHODS, readsSetting } from '../../contracts/methods.ts';
import type { MethodColumns, Quotas } from '../../contracts/methods.ts';
import { groupByTask } from '../group-rows.ts';
import { effectiveSampleSize } from '../sampling.ts';
import type { SampledRows } from '../sampling.ts';
import { clusters } from './clusters.ts';
import { deduplicated } from './deduplicated.ts';
import { el2n } from './el2n.ts';
import { gist } from './gist.ts';
import { grand } from './grand.ts';
import { guarded } from './guarded.ts';
import { icons } from './icons.ts';
import { length } from './length.ts';
import { less } from './less.ts';
import { loss } from './loss.ts';
import { perplexity } from './perplexity.ts';
import { random } from './random.ts';
import type { DrawnGroup, Selector } from './selector.ts';
import { sizeTempered } from './size-tempered.ts';
import { collectRows, takeAgain, takeRows } from './take-rows.ts';
import type { SelectedRows } from './take-rows.ts';
import { taskBalanced } from './task-balanced.ts';
import { tive } from './tive.ts';
import { tiveInstance } from './tive-instance.ts';
import { tiveTask } from './tive-task.ts';
import { trajectories } from './trajectories.ts';

/** ESS_t/n_t below which the instance values decide more than a gentle tilt should. */
const UNEVEN_SHARE = 0.9;

const SELECTORS: { [Method in SelectionMethod]: Selector<Method> } = {
  tive,
  tive_task: tiveTask,
  tive_instance: tiveInstance,
  random,
  task_balanced: taskBalanced,
  size_tempered: sizeTempered,
  length,
  loss,
  perplexity,
  grand,
  el2n,
  less,
  icons,
  gist,
  clusters,
  trajectories,
  deduplicated,
  guarded,
};

/** Columns of all usable rows of eligible tasks. */
export interface SelectableRows extends SampledRows {
  /** [example] index of the row's task. */
  taskIndex: Uint32Array;
  /** Those at least that the method declares. */
  columns: Partial<MethodColumns>;
  /** [example] 1 for a row that filters have left out: it comes only when the others of its group have run out. */
  dropped?: Uint8Array;
}

/**
 * What is selected, and how. Of the settings a method gets those that its entry in `METHODS` declares: λ, where
 * p ∝ exp(λ·s) within the task; replacement, where b independent draws may take a row again.
 */
export interface SelectionRequest extends SelectionConfig {
  /** Seed of the random streams. */
  seed: number;
  /** How the budget was shared out; `pooled` reads the budget alone. */
  quotas: Quotas;
  /** B. */
  budget: number;
  /** Name and quota b_t of each task, by task index, from the allocation that the method wants. */
  tasks: readonly { task: string; quota: number }[];
}

/** The selected rows, how even the draw was, and warnings in words for the report. */
export interface Selection {
  rows: SelectedRows;
  /** [task] ESS_t/n_t in (0, 1] of the probabilities used; NaN where n_t = 0 or the method pools all tasks. */
  effectiveShare: Float64Array;
  warnings: string[];
}

/**
 * Selects rows by a method of `METHODS`, which says its quotas and how it draws within a task; every one returns
 * exactly B rows, copies counted.
 *
 * With `replacement` a row may come several times. Otherwise a quota b above n_t gives ⌊b/n_t⌋ copies of every row and
 * one more of the first b mod n_t drawn. Methods share the streams `select/instance/<task>` and `select/pooled`, so
 * their random numbers are common and comparisons are paired.
 *
 * @throws RangeError where a task index has no task, or a quota is wanted from no rows.
 * @see arXiv:2403.09559
 */
export function selectRows(rows: SelectableRows, request: SelectionRequest): Selection {
  const { quotas, tasks } = request;
  const effectiveShare = new Float64Array(tasks.length).fill(NaN);
  if (quotas === 'pooled') {
    const pool = Uint32Array.from(rows.rowIndex.keys());
    const drawn = draw(rows, pool, 'select/pooled', request.budget, request);
    const taken = take(drawn, request.budget, 'the pool', 'select/pooled', request);
    return { rows: collectRows([taken]), effectiveShare, warnings: [] };
  }
  const groups = groupByTask(rows.taskIndex, tasks.length);
  const parts = tasks.map(({ task, quota }, taskIndex) => {
    const group = groups[taskIndex]!;
    const stream = `select/instance/${task}`;
    const drawn = draw(rows, group, stream, quota, request);
    const { keptCount } = drawn;
    if (keptCount > 0)
      effectiveShare[taskIndex] = effectiveSampleSize(drawn.probability.subarray(0, keptCount)) / keptCount;
    return take(drawn, quota, `task "${task}"`, stream, request);
  });
  const warnings = shareWarnings(request, effectiveShare, rows.weight !== undefined);
  return { rows: collectRows(parts), effectiveShare, warnings };
}

/** A group in draw order, of which the first rows were kept by filters; all of them where none was. */
interface OrderedGroup extends DrawnGroup {
  keptCount: number;
}

/** The kept rows in the order of the method, then those that filters have left out, likewise. */
function draw(
  rows: SelectableRows,
  group: Uint32Array,
  stream: string,
  wanted: number,
  request: SelectionRequest,
): OrderedGroup {
  const { dropped } = rows;
  const kept = dropped === undefined ? group : group.filter((row) => dropped[row] === 0);
  const first = drawGroup(rows, kept, stream, wanted, request);
  if (dropped === undefined || kept.length === group.length) return { ...first, keptCount: group.length };
  const others = group.filter((row) => dropped[row] === 1);
  const rest = drawGroup(rows, others, stream, Math.max(0, wanted - kept.length), request);
  return {
    position: joined(new Uint32Array(group.length), first.position, rest.position),
    probability: joined(new Float64Array(group.length), first.probability, rest.probability),
    keptCount: kept.length === 0 ? group.length : kept.length,
  };
}

/** @throws RangeError where a column is missing that the method declares: it is given no others */
function requireColumns(columns: Partial<MethodColumns>, method: SelectionMethod): asserts columns is MethodColumns {
  for (const column of METHODS[method].columns) {
    if (columns[column] === undefined)
      throw new RangeError(`selection: method ${method} must have the column ${column}, got none`);
  }
}

function joined<Column extends Uint32Array | Float64Array>(into: Column, first: Column, rest: Column): Column {
  into.set(first);
  into.set(rest, first.length);
  return into;
}

/** A group in the order of the method; the selector's type lets it see no more than it declares. */
function drawGroup(
  rows: SelectableRows,
  group: Uint32Array,
  stream: string,
  wanted: number,
  request: SelectionRequest,
): DrawnGroup {
  const { method, seed, ...settings } = request;
  const { columns } = rows;
  requireColumns(columns, method);
  return SELECTORS[method]({ rows, group, stream, seed, wanted, columns, settings });
}

function take(
  { keptCount, ...drawn }: OrderedGroup,
  quota: number,
  where: string,
  stream: string,
  { method, replacement, seed }: SelectionRequest,
): SelectedRows {
  if (!replacement || !readsSetting(method, 'replacement')) return takeRows(drawn, quota, where);
  const kept = {
    position: drawn.position.subarray(0, keptCount),
    probability: drawn.probability.subarray(0, keptCount),
  };
  return takeAgain(kept, quota, where, { stream: `${stream}/replacement`, seed });
}

function shareWarnings(request: SelectionRequest, effectiveShare: Float64Array, isWeighted: boolean): string[] {
  const { method, lambda, tasks, essTarget = null } = request;
  if (!readsSetting(method, 'lambda')) return [];
  const [cause, remedy] =
    essTarget === null ? [`lambda ${lambda}`, 'lower lambda'] : [`ess_target ${essTarget}`, 'raise ess_target'];
  const shares = [...effectiveShare].filter((share) => !Number.isNaN(share));
  if (shares.length > 0 && shares.every((share) => share.toFixed(3) === '1.000')) {
    return [
      'selection: lambda must change the weights, got an effective share of 1.000 in each task ' +
        `at ${cause}; this is random choice`,
    ];
  }
  return tasks.flatMap(({ task }, taskIndex) => {
    const share = effectiveShare[taskIndex]!;
    if (!(share < UNEVEN_SHARE)) return [];
    const got = `${share.toFixed(3)} at ${cause} (equally likely rows that would be as uneven a draw, over its rows)`;
    const said = `selection: effective share of task "${task}" should be at least ${UNEVEN_SHARE}, got ${got}`;
    return [isWeighted ? `${said}; near_duplicate_weight has a part in it, or ${remedy}` : `${said}; ${remedy}`];
  });
}
