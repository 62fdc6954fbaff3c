// The child workflow that computes a run of gradient shards.
import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { ComputeActivities } from '../activities/compute.ts';
import type { CollectGradientsInput, GradientShard } from '../contracts/messages/gradients.ts';
import { computeOptions } from './activity-options.ts';
import { PauseSwitch } from './run-gate.ts';

/** How many shards a child has finished. */
const finishedShardsQuery = defineQuery<number>('finishedShards');

/**
 * Computes the gradient shards [shardStart, shardEnd) with at most `shardWindow` of them scheduled at a time.
 * When the history grows long it continues as new, carrying what is done.
 */
export async function collectGradients(input: CollectGradientsInput): Promise<GradientShard[]> {
  const { config, rows, adapter, step, address, shardCount, shardEnd, heartbeatTimeoutMs, shardWindow } = input;
  const asked = { config, rows, adapter, ...(step !== undefined && { step }), address, shardCount };
  const compute = proxyActivities<ComputeActivities>(computeOptions(heartbeatTimeoutMs));
  const done: GradientShard[] = [...input.done];
  const running = new Set<Promise<void>>();
  setHandler(finishedShardsQuery, () => done.length, { description: 'Finished shards of this child.' });
  const pause = new PauseSwitch(input.isPaused);
  let failure: unknown;
  let next = input.next;
  while (next < shardEnd && failure === undefined && !workflowInfo().continueAsNewSuggested) {
    // Cancellation ends the wait with an error; what is in work still gets to its checkpoint before the child ends.
    await condition(() => failure !== undefined || (!pause.isPaused && running.size < shardWindow)).catch(
      (error: unknown) => {
        failure ??= error;
      },
    );
    if (failure !== undefined) break;
    const shard = next++;
    // The rejection handler is attached at once: an unhandled rejection would fail the workflow task for ever.
    const task: Promise<void> = compute.computeGradientShard
      .executeWithOptions({ summary: `gradients: shard ${shard + 1} of ${shardCount}` }, [{ ...asked, shard }])
      .then(
        (result) => void done.push(result),
        (error: unknown) => {
          failure ??= error;
        },
      )
      .finally(() => {
        running.delete(task);
      });
    running.add(task);
  }
  await Promise.all(running);
  if (failure !== undefined) throw failure as Error;
  await condition(allHandlersFinished);
  if (next < shardEnd) await continueAsNew<typeof collectGradients>({ ...input, next, done, isPaused: pause.isPaused });
  return done.sort((left, right) => left.shard - right.shard);
}
