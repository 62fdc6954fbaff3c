import { ApplicationFailure, executeChild, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { createGradientActivities } from '../activities/gradients.ts';
import type { GradientShard, GradientsPlan, GradientsResult, RunInput } from '../contracts/messages.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import { computeOptions } from './activity-options.ts';
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
  const { address, shardCount } = plan;
  progress.start('gradients', shardCount);
  const shards: GradientShard[] = [];
  for (let shardStart = 0; shardStart < shardCount; shardStart += SHARDS_PER_CHILD) {
    const shardEnd = Math.min(shardCount, shardStart + SHARDS_PER_CHILD);
    const place = { address, shardCount, shardStart, shardEnd, next: shardStart, done: [] };
    const workflowId = `${workflowInfo().workflowId}/gradients/${shardStart / SHARDS_PER_CHILD}`;
    const staticSummary = `gradient shards ${shardStart + 1} to ${shardEnd} of ${shardCount}`;
    const args = [{ ...input, ...place, heartbeatTimeoutMs, shardWindow }] as const;
    shards.push(...(await executeChild(collectGradients, { workflowId, args: [...args], staticSummary })));
    progress.advance('gradients', shardEnd - shardStart);
  }
  const summary = 'gradients: close the table';
  const made = await compute.closeGradients.executeWithOptions({ summary }, [{ ...input, address, shards }]);
  return { ...made, warnings };
}
