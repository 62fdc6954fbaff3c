// Bench of memory over many micro-batches: nothing may grow.
import { megabytes } from './bench.ts';
import type { BenchLine } from './bench.ts';
import { withChildren } from './child.ts';
import type { ProcessState } from './gradients.ts';
import { SMALL } from './random-model.ts';

/** Micro-batches of one step. */
const STEP_BATCHES = 10;

/** Tensors and resident memory of a process that takes gradients, after 100 and after 1,000 micro-batches. */
export async function* bench(): AsyncGenerator<BenchLine> {
  const input = { model: SMALL, batchSize: 16, batchCount: STEP_BATCHES };
  const [early, late] = await withChildren(
    1,
    'gradients',
    input,
    async ([child]) => {
      const after = async (batchCount: number): Promise<ProcessState> => {
        for (let done = 0; done < batchCount; done += STEP_BATCHES) await child!.run('compute');
        return child!.run<ProcessState>('state');
      };
      return [await after(100), await after(900)] as const;
    },
    ['--expose-gc'],
  );
  const growth = (100 * (late.residentBytes - early.residentBytes)) / early.residentBytes;
  yield {
    name: 'memory',
    facts: [
      `${early.tensorCount} and ${late.tensorCount} tensors, ${late.tensorCount - early.tensorCount} more (goal 0)`,
      `${megabytes(early.residentBytes)} and ${megabytes(late.residentBytes)} resident, ${growth.toFixed(1)} % more (goal < 5 %)`,
      'after 100 and 1,000 micro-batches',
    ],
  };
}
