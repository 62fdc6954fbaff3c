// The allocation of a budget: how many rows each task gets for its value.
import type { AllocationConfig } from '../contracts/config.ts';
import { InvalidConfigError } from '../contracts/failures.ts';
import type { Quotas } from '../contracts/methods.ts';
import { splitBudget } from './quotas.ts';

/** Copies of one row above which repeating a task is called out. */
const MANY_COPIES = 4;

/** An eligible task before allocation. */
export interface ValuedTask {
  task: string;
  /** Usable rows n_t. */
  rowCount: number;
  /** Task value v_t ≥ 0; null where the task has no usable row. */
  value: number | null;
}

/** How a budget is shared out: as the recipe says, or by a method's own weighting. */
export interface AllocationRule extends Omit<AllocationConfig, 'weighting'> {
  weighting: Exclude<Quotas, 'pooled'>;
}

/** One line of the allocation. */
export interface AllocatedTask {
  task: string;
  /** Usable rows n_t. */
  rows: number;
  /** Task value v_t, null where the task has no usable row. */
  value: number | null;
  /** x_t/Σx in [0, 1], x_t the weight that the configured weighting gives. */
  share: number;
  /** Real-valued quota q_t = share · budget, before caps and rounding. */
  ideal: number;
  /** Rows b_t to select; above `rows` under overflow `repeat`. */
  quota: number;
}

/** The budget shared out over the tasks, with warnings in words for the report. */
export interface Allocation {
  /** B: rows to select in all. Σ quota = B, but for rounding `truncate`, where up to one row a task is missing. */
  budget: number;
  /** In the order of the tasks given. */
  tasks: AllocatedTask[];
  warnings: string[];
}

/**
 * Splits the budget over tasks by their values: B = `budgetRows` or Math.round(`budgetFraction` · base),
 * q_t = B·x_t/Σx with x_t = v_t (`value`), 1 (`equal`), n_t (`size`) or n_t^α (`tempered`), then caps and largest
 * remainders.
 *
 * Edge cases: a task without usable rows gets no quota and a warning; weights that are all 0 give equal quotas and a
 * warning; under `repeat` more than 4 copies of a row give a warning. The result does not depend on the order of tasks.
 *
 * Differs: the released code rounds every quota down, so it selects up to one row a task too few, and it does not round
 * the budget first; rounding `truncate` does both as released. It also takes its fraction of all rows, excluded tasks
 * too, as base `all` does.
 *
 * @param tasks eligible tasks, each name once.
 * @param allRowCount rows of the dataset, those of excluded tasks too; read only by base `all`.
 * @throws InvalidConfigError where the budget is below 1, above the supply under `redistribute`, or not set once.
 * @throws RangeError where a value is negative or not finite, or is missing for a task with rows.
 * @see arXiv:2403.09559
 */
export function allocateBudget(tasks: readonly ValuedTask[], config: AllocationRule, allRowCount: number): Allocation {
  const supply = tasks.reduce((sum, task) => sum + task.rowCount, 0);
  const exactBudget = requestedRows(config, supply, allRowCount);
  const budget = Math.round(exactBudget);
  checkBudget(budget, supply, config);

  const weighted = tasks.map((task) => ({ ...task, weight: weightOf(task, config) }));
  const splitTotal = config.rounding === 'truncate' ? exactBudget : budget;
  const split = splitBudget(weighted, splitTotal, config);
  const allocated = tasks.map(({ task, rowCount, value }, index) => ({
    task,
    rows: rowCount,
    value: rowCount > 0 ? value : null,
    share: split.ideal[index]! / splitTotal,
    ideal: split.ideal[index]!,
    quota: split.quota[index]!,
  }));
  return { budget, tasks: allocated, warnings: allocationWarnings(allocated, budget, split.equalShared) };
}

/** The budget before rounding to whole rows: `budgetRows`, or the fraction of the rows that `budgetBase` names. */
export function requestedRows(
  { budgetRows, budgetFraction, budgetBase }: Pick<AllocationConfig, 'budgetRows' | 'budgetFraction' | 'budgetBase'>,
  eligibleRowCount: number,
  allRowCount: number,
): number {
  if (budgetRows !== null && budgetFraction === null) return budgetRows;
  if (budgetFraction !== null && budgetRows === null)
    return budgetFraction * (budgetBase === 'all' ? allRowCount : eligibleRowCount);
  const got = budgetRows === null ? 'none' : 'both';
  const advice = budgetRows === null ? 'set one' : 'set one to null';
  throw new InvalidConfigError(
    `allocation: exactly one of budget_fraction, budget_rows must be set, got ${got}; ${advice}`,
  );
}

function checkBudget(budget: number, supply: number, config: AllocationRule): void {
  if (supply === 0) throw new InvalidConfigError('allocation: at least one usable row must remain, got 0');
  if (!(budget >= 1)) {
    const key = config.budgetRows === null ? 'budget_fraction' : 'budget_rows';
    throw new InvalidConfigError(`allocation: budget must be at least 1 row, got ${budget}; raise ${key}`);
  }
  if (config.overflow === 'redistribute' && budget > supply) {
    const key = config.budgetRows === null ? 'budget_fraction' : 'budget_rows';
    throw new InvalidConfigError(
      `allocation: budget must be at most ${count(supply)} usable rows, got ${count(budget)}; ` +
        `lower ${key} or set overflow: repeat`,
    );
  }
}

function weightOf({ task, rowCount, value }: ValuedTask, { weighting, alpha }: AllocationRule): number {
  if (rowCount === 0) return 0;
  if (value === null || !Number.isFinite(value) || value < 0) {
    throw new RangeError(`allocation: value of task "${task}" must be a finite number of at least 0, got ${value}`);
  }
  switch (weighting) {
    case 'value':
      return value;
    case 'equal':
      return 1;
    case 'size':
      return rowCount;
    case 'tempered':
      return rowCount ** alpha;
  }
}

function allocationWarnings(tasks: readonly AllocatedTask[], budget: number, equalShared: boolean): string[] {
  const warnings = tasks
    .filter((task) => task.rows === 0)
    .map(({ task }) => `allocation: task "${task}" must have a usable row to get a quota, got 0`);
  if (equalShared) {
    warnings.push('allocation: a task value must be above 0 to weigh, got 0 for all tasks in need; they share equally');
  }
  for (const { task, rows, quota } of tasks) {
    const copies = Math.ceil(quota / rows);
    if (copies > MANY_COPIES) {
      const got = `${count(copies)} in task "${task}" (quota ${count(quota)} of ${count(rows)} rows)`;
      warnings.push(`allocation: copies of a row should be at most ${MANY_COPIES}, got ${got}`);
    }
  }
  const short = budget - tasks.reduce((sum, task) => sum + task.quota, 0);
  if (short > 0) {
    warnings.push(
      `allocation: quotas should add up to ${count(budget)} rows, got ${count(budget - short)}; ` +
        'rounding: truncate leaves the rest',
    );
  }
  return warnings;
}

/** A count with thousands separators, the same in every locale. */
function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}
