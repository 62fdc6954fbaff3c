import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** Files that take longest, the longest first: begun last, one of them would keep one core waiting. */
const HEAVY = [
  'client/runs/kill',
  'client/runs/demo',
  'client/runs/run',
  'chaos/memory',
  'chaos/chaos',
  'client/cluster/worker-versions',
  'store/s3-store',
  'client/runs/s3-run',
  'model/golden',
];

/** Sorts heavy files first and leaves the rest as Vitest has it. */
export class HeavyFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = HEAVY.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return index === -1 ? HEAVY.length : index;
    };
    return (await super.sort(files)).sort((left, right) => rank(left) - rank(right));
  }
}
