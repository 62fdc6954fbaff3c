import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ApplicationFailure, executeChild, proxyActivities } from '@temporalio/workflow';
import type { createGradientActivities } from '../activities/gradients/stage.ts';
import type { createAwaitGradientsActivities } from '../activities/gradients/await.ts';
import type {
  CollectGradientsInput,
  GradientShard,
  GradientsPlan,
  GradientsResult,
} from '../contracts/messages/gradients.ts';
import type { RunInput } from '../contracts/messages/run.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import { computeOptions, controlOptions } from './activity-options.ts';
import { collectGradients } from './collect-gradients.ts';
import { count } from './facts.ts';
import type { RunProgress } from './progress.ts';

/** Shards of one child workflow: their events stay well below the history's limit. */
const SHARDS_PER_CHILD = 500;

/** Shards of one table: all are named in one message, about 200 bytes each, and a message has at most 2 MiB. */
const LARGEST_SHARD_COUNT = 8000;

/** @throws ApplicationFailure of type InvalidConfigError where the table's last message could not be sent */
export function requireFewShards(shardCount: number): void {
  if (shardCount <= LARGEST_SHARD_COUNT) return;
  throw ApplicationFailure.nonRetryable(
    `gradients.shard_rows: must give at most ${count(LARGEST_SHARD_COUNT)} shards, got ${count(shardCount)}; raise it`,
    'InvalidConfigError',
  );
}

/** Gradients of all usable rows of a rows table, shard by shard in child workflows. */
export async function makeGradients(
  { config, heartbeatTimeoutMs, shardWindow }: RunInput,
  progress: RunProgress,
  rows: ArtifactReference,
  adapter: ArtifactReference,
): Promise<GradientsResult & Pick<GradientsPlan, 'warnings'>> {
  const compute = proxyActivities<ReturnType<typeof createGradientActivities>>(computeOptions(heartbeatTimeoutMs));
  const input = { config, rows, adapter };
  const { warnings, ...plan } = await compute.planGradients.executeWithOptions({ summary: 'gradients: plan' }, [input]);
  if (plan.finished !== null) return { ...plan.finished, warnings };
  const { address, workId, shardCount } = plan;
  progress.start('gradients', shardCount);
  const shards: GradientShard[] = [];
  for (let shardStart = 0; shardStart < shardCount; shardStart += SHARDS_PER_CHILD) {
    const shardEnd = Math.min(shardCount, shardStart + SHARDS_PER_CHILD);
    const place = { address, shardCount, shardStart, shardEnd, next: shardStart, done: [] };
    const workflowId = `tive-gradients/${workId}/${shardStart / SHARDS_PER_CHILD}`;
    const staticSummary = `gradient shards ${shardStart + 1} to ${shardEnd} of ${shardCount}`;
    const child = {
      workflowId,
      args: [{ ...input, ...place, heartbeatTimeoutMs, shardWindow }] as const,
      staticSummary,
    };
    shards.push(...(await collectOnce(child, heartbeatTimeoutMs)));
    progress.advance('gradients', shardEnd - shardStart);
  }
  const summary = 'gradients: close the table';
  const made = await compute.closeGradients.executeWithOptions({ summary }, [{ ...input, address, shards }]);
  return { ...made, warnings };
}

/** What a child is started with. */
interface Child {
  workflowId: string;
  args: readonly [CollectGradientsInput];
  staticSummary: string;
}

/**
 * The shards of a child. Where another run's child is at them, waits until it has ended, in whatever way; what it has
 * finished is in the store, and a child of one's own goes on from there.
 */
async function collectOnce({ args, ...options }: Child, heartbeatTimeoutMs: number): Promise<GradientShard[]> {
  const control = proxyActivities<ReturnType<typeof createAwaitGradientsActivities>>({
    ...controlOptions(heartbeatTimeoutMs),
    startToCloseTimeout: '7d',
  });
  const { workflowId } = options;
  for (;;) {
    try {
      return await executeChild(collectGradients, { ...options, args: [...args] });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    const summary = 'gradients: another run is at these shards';
    await control.awaitGradients.executeWithOptions({ summary }, [{ workflowId }]);
  }
}
