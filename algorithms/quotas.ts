// The quota rule: whole rows of each task by weights, capped, largest remainders first.

/** A task as the quota rule sees it. */
export interface QuotaTask {
  /** Name, the last tie-breaker (code-unit order). */
  task: string;
  /** Usable rows n_t; a task of 0 rows gets no quota. */
  rowCount: number;
  /** Weight x_t ≥ 0: the quota is proportional to it. */
  weight: number;
}

/** Quotas in the order of the tasks. */
export interface TaskQuotas {
  /** Real-valued quota q_t = B·x_t/Σx before caps, 0 for a task of 0 rows. */
  ideal: number[];
  /** Integer quota b_t. */
  quota: number[];
  /** True where all weights of tasks that still compete were 0, so that they share equally. */
  equalShared: boolean;
}

/** What the quota rule does at its edges: a quota above a task's rows, and fractions of a row. */
export interface QuotaOptions {
  /** `redistribute`: no task gets more than its rows; the rest shares what is left. `repeat`: no cap. */
  overflow: 'redistribute' | 'repeat';
  /** `truncate`: ⌊q_t⌋ and no more, so up to one row a task is missing. */
  rounding: 'largest_remainder' | 'truncate';
}

/**
 * Splits a budget over tasks: q_t = B·x_t/Σx, capped at n_t, then largest remainders; Σ b_t = B.
 *
 * - `redistribute`: tasks whose quota exceeds their rows get all their rows; the rest of the budget is shared anew by
 *   the other tasks until no quota exceeds its cap (at most T rounds).
 * - Largest remainder: the rows that ⌊q_t⌋ leaves over go to the largest fractional parts; ties by larger weight, then
 *   by name. A task at its cap is skipped.
 * - Weights that are all 0, of all tasks or of those left after capping: equal quotas.
 *
 * The result does not depend on the order of the tasks. The caller makes sure that the supply Σ n_t covers the budget
 * under `redistribute`, and that a task with rows exists.
 *
 * @param budget rows to hand out; a whole number unless `rounding` is `truncate`.
 */
export function splitBudget(tasks: readonly QuotaTask[], budget: number, options: QuotaOptions): TaskQuotas {
  const order = tasks
    .map((task, index) => ({ ...task, index, cap: options.overflow === 'repeat' ? Infinity : task.rowCount }))
    .filter((task) => task.rowCount > 0)
    .sort((left, right) => compareNames(left.task, right.task));
  const ideals = proportional(order, budget);
  const ideal = tasks.map(() => 0);
  const quota = tasks.map(() => 0);
  order.forEach((task, position) => (ideal[task.index] = ideals.quotas[position]!));

  let open = order;
  let remaining = budget;
  let equalShared = ideals.equalShared;
  for (;;) {
    const shares = proportional(open, remaining);
    equalShared ||= shares.equalShared;
    const quotas = shares.quotas;
    const full = open.filter((task, position) => quotas[position]! > task.cap);
    if (full.length === 0) {
      const whole = options.rounding === 'truncate' ? quotas.map(Math.floor) : roundToTotal(open, quotas, remaining);
      open.forEach((task, position) => (quota[task.index] = whole[position]!));
      return { ideal, quota, equalShared };
    }
    for (const task of full) {
      quota[task.index] = task.cap;
      remaining -= task.cap;
    }
    open = open.filter((task) => !full.includes(task));
  }
}

/**
 * Equal quotas over tasks, capped at their rows and redistributed: the quotas of a warm-up sample.
 *
 * @param budget whole number of rows; more than there are gives every row.
 * @returns quota of each task, Σ = min(budget, Σ rowCount).
 */
export function equalQuotas(tasks: readonly { task: string; rowCount: number }[], budget: number): number[] {
  const supply = tasks.reduce((sum, task) => sum + task.rowCount, 0);
  const weighted = tasks.map(({ task, rowCount }) => ({ task, rowCount, weight: 1 }));
  const options: QuotaOptions = { overflow: 'redistribute', rounding: 'largest_remainder' };
  return splitBudget(weighted, Math.min(budget, supply), options).quota;
}

/** Code-unit order, the same in every locale. */
function compareNames(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function proportional(
  tasks: readonly { weight: number }[],
  budget: number,
): { quotas: number[]; equalShared: boolean } {
  const total = tasks.reduce((sum, task) => sum + task.weight, 0);
  if (total > 0) return { quotas: tasks.map((task) => (budget * task.weight) / total), equalShared: false };
  return { quotas: tasks.map(() => budget / tasks.length), equalShared: tasks.length > 0 && budget > 0 };
}

/** Largest remainder: whole quotas that add up to the total; `tasks` in name order. */
function roundToTotal(
  tasks: readonly { weight: number; cap: number }[],
  quotas: readonly number[],
  total: number,
): number[] {
  const whole = quotas.map(Math.floor);
  let missing = total - whole.reduce((sum, count) => sum + count, 0);
  const byRemainder = tasks
    .map((task, position) => ({ position, cap: task.cap, weight: task.weight, part: quotas[position]! % 1 }))
    .sort((left, right) => right.part - left.part || right.weight - left.weight || left.position - right.position);
  // One round does, but where rounding errors leave as many rows missing as there are tasks, or where caps skip some.
  while (missing > 0) {
    const before = missing;
    for (const { position, cap } of byRemainder) {
      if (missing > 0 && whole[position]! < cap) {
        whole[position]! += 1;
        missing -= 1;
      }
    }
    if (missing === before)
      throw new RangeError(`quotas: tasks must have room for ${total} rows, got ${total - missing}`);
  }
  return whole;
}
