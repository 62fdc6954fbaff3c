// Stage allocation: task values → rows of each task.
import { allocateBudget } from '../../algorithms/allocate-budget.ts';
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
export function allocateMethod({ config, method, tasks, allRowCount }: AllocateInput): AllocationResult {
  const quotas = quotasOf(method, config.allocation.weighting);
  // A pooled method shows what its share would be by size.
  const weighting = quotas === 'pooled' ? 'size' : quotas;
  return { method, ...allocateBudget(tasks, { ...config.allocation, weighting }, allRowCount) };
}
