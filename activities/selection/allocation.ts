// Stage allocation: task values → rows of each task.
import { allocateBudget } from '../../algorithms/allocation.ts';
import { methodWeighting } from '../../algorithms/selectors.ts';
import type { AllocateInput, AllocationResult } from '../../contracts/messages/selection.ts';

/** Pure arithmetic on numbers per task, so nothing is stored. */
export function createAllocationActivities() {
  return {
    async allocateRows({ config, method, tasks, allRowCount }: AllocateInput): Promise<AllocationResult> {
      const weighting = methodWeighting(method);
      // The recipe's weighting is that of the method by task value; a pooled method shows what its share would be by size.
      const chosen = weighting === 'value' ? config.allocation.weighting : weighting === 'pooled' ? 'size' : weighting;
      const allocation = allocateBudget(tasks, { ...config.allocation, weighting: chosen }, allRowCount);
      return Promise.resolve({ method, ...allocation });
    },
  };
}
