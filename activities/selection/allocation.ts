// Stage allocation: task values → rows of each task.
import { allocateBudget, requestedRows } from '../../algorithms/allocate-budget.ts';
import type { Allocation, AllocationRule } from '../../algorithms/allocate-budget.ts';
import type { AllocateInput, AllocationResult } from '../../contracts/messages/selection.ts';
import { quotasOf } from '../../contracts/methods.ts';

/** Pure arithmetic on numbers per task, so nothing is stored. */
export function createAllocationActivities() {
  return {
    async allocateRows(input: AllocateInput): Promise<AllocationResult> {
      return Promise.resolve(allocateMethod(input));
    },
  };
}

/** Quotas as a method has them. */
export function allocateMethod(input: AllocateInput): AllocationResult {
  const { config, method, tasks, allRowCount, kept } = input;
  const quotas = quotasOf(method, config.allocation.weighting);
  // A pooled method shows what its share would be by size.
  const rule = { ...config.allocation, weighting: quotas === 'pooled' ? ('size' as const) : quotas };
  const allocation =
    kept === undefined ? allocateBudget(tasks, rule, allRowCount) : allocateKept({ ...input, kept }, rule);
  return { method, ...allocation };
}

/**
 * The budget, as all rows have it, shared out over the rows that filters have kept. Where they are too few for it,
 * quotas are those of all rows: what was left out then fills the tasks up.
 */
function allocateKept(
  { tasks, allRowCount, kept }: AllocateInput & Required<Pick<AllocateInput, 'kept'>>,
  rule: AllocationRule,
): Allocation {
  const supply = tasks.reduce((sum, { rowCount }) => sum + rowCount, 0);
  const budget = requestedRows(rule, supply, allRowCount);
  const counts = new Map(kept.map(({ task, keptCount }) => [task, keptCount]));
  const keptSupply = kept.reduce((sum, { keptCount }) => sum + keptCount, 0);
  if (Math.round(budget) > keptSupply) {
    const { warnings, ...all } = allocateBudget(tasks, rule, allRowCount);
    const short =
      `selection: filters should keep at least the budget of ${all.budget} rows, got ${keptSupply}; ` +
      'rows that they left out fill the tasks up';
    return { ...all, warnings: [...warnings, short] };
  }
  const left = tasks.map((task) => ({ ...task, rowCount: counts.get(task.task) ?? task.rowCount }));
  const shared = allocateBudget(left, { ...rule, budgetFraction: null, budgetRows: budget }, allRowCount);
  const rowsOf = new Map(tasks.map(({ task, rowCount }) => [task, rowCount]));
  return { ...shared, tasks: shared.tasks.map((line) => ({ ...line, rows: rowsOf.get(line.task)! })) };
}
