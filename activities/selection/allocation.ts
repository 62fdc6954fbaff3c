// Stage allocation: task values → rows of each task.
import { allocateBudget } from '../../algorithms/allocation.ts';
import type { AllocateInput, AllocationResult } from '../../contracts/messages/selection.ts';
import { quotasOf } from '../../contracts/methods.ts';

/** Pure arithmetic on numbers per task, so nothing is stored. */
export function createAllocationActivities() {
  return {
    async allocateRows({ config, method, tasks, allRowCount }: AllocateInput): Promise<AllocationResult> {
      const quotas = quotasOf(method, config.allocation.weighting);
      // A pooled method shows what its share would be by size.
      const weighting = quotas === 'pooled' ? 'size' : quotas;
      const allocation = allocateBudget(tasks, { ...config.allocation, weighting }, allRowCount);
      return Promise.resolve({ method, ...allocation });
    },
  };
}
