// Gradients of all rows, or of those alone that a kept table lacks: shard by shard in child workflows.
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ApplicationFailure, executeChild, proxyActivities } from '@temporalio/workflow';
import type { ControlActivities } from '../../activities/control.ts';
import type { DatasetConfig } from '../../contracts/config.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type {
  CollectGradientsInput,
  GradientShard,
  GradientsInput,
  GradientsResult,
  QueriesResult,
} from '../../contracts/messages/gradients.ts';
import type { RunInput } from '../../contracts/messages/run.ts';
import type { AdapterResult } from '../../contracts/messages/training.ts';
import { queryDataset } from '../../contracts/queries.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { controlOptions } from '../activity-options.ts';
import { collectGradients } from '../collect-gradients.ts';
import type { RunContext } from '../context.ts';
import { countText, facts, stateOf } from '../progress-facts.ts';
import { joinTables } from '../carry-over.ts';
import type { KeptRows } from '../carry-over.ts';

/** Shards of one child workflow: their events stay well below the history's limit. */
const SHARDS_PER_CHILD = 500;

/** Shards of one table: all are named in one message, about 200 bytes each, and a message has at most 2 MiB. */
const LARGEST_SHARD_COUNT = 8000;

/** @throws ApplicationFailure of type InvalidConfigError where the table's last message could not be sent */
export function requireFewShards(shardCount: number): void {
  if (shardCount <= LARGEST_SHARD_COUNT) return;
  throw ApplicationFailure.nonRetryable(
    `gradients.shard_rows: must give at most ${countText(LARGEST_SHARD_COUNT)} shards, got ${countText(shardCount)}; raise it`,
    'InvalidConfigError',
  );
}

export async function takeGradients(
  context: RunContext,
  dataset: ScanResult,
  { adapter }: AdapterResult,
  kept: KeptRows | null,
): Promise<GradientsResult> {
  const { progress } = context;
  progress.start('gradients');
  const rows = kept === null ? dataset.rows : kept.plan.newRows;
  const shows = {
    start: (count: number) => progress.start('gradients', count),
    advance: (count: number) => progress.advance('gradients', count),
  };
  const made = rows === null ? null : await makeGradients(context, rows, { adapter }, shows);
  const result = kept === null ? made! : joinTables(kept, made);
  const late = result.quarantined.reduce((sum, { count: rowCount }) => sum + rowCount, 0);
  const rowCount = kept === null ? result.gradients.rowCount : kept.plan.keptRowCount + kept.plan.newRowCount;
  const detail = facts(
    `${countText(rowCount - late)} rows`,
    kept === null ? '' : `${countText(kept.plan.newRowCount)} new`,
    late > 0 ? `${countText(late)} quarantined` : '',
  );
  progress.finish('gradients', stateOf(result), detail);
  return result;
}

/** What shows how far the shards of a table are. */
interface ShardProgress {
  start(count: number): void;
  advance(count: number): void;
}

const SILENT: ShardProgress = { start: () => undefined, advance: () => undefined };

/** Gradients of the rows that are queries: of test rows, or of a file; null where no method asks for such. */
export async function takeQueryGradients(
  context: RunContext,
  { adapter }: AdapterResult,
): Promise<QueriesResult | null> {
  const { input, work, progress } = context;
  const dataset = queryDataset(input.config, work);
  if (dataset === null) return null;
  return progress.goOn('gradients', 'queries', () => gradientsOf(context, dataset, { adapter }));
}

/** Gradients of the rows of a dataset as queries, with nothing shown. */
export async function gradientsOf(
  { input, compute, warnings }: Gradients,
  dataset: DatasetConfig,
  model: GradientModel,
): Promise<QueriesResult> {
  // Queries stay plain, as LESS has them, and nothing reads their losses at earlier checkpoints.
  const config = {
    ...input.config,
    dataset,
    warmup: { ...input.config.warmup, trajectory: 0 },
    gradients: { ...input.config.gradients, preconditioner: 'none' as const },
  };
  const summary = 'gradients: read and check the rows that are queries';
  const scanned = await compute.scanRows.executeWithOptions({ summary }, [{ config, source: 'dataset' }]);
  requireFewShards(scanned.shardCount);
  const asked = { input: { ...input, config }, compute, warnings };
  const { gradients } = await makeGradients(asked, scanned.rows, model, SILENT);
  return { rows: scanned.rows, gradients };
}

/** The reference model, or an earlier state of its training. */
export type GradientModel = Pick<GradientsInput, 'adapter' | 'step'>;

/** What gradients need of a run, or of a benchmark. */
export type Gradients = Pick<RunContext, 'compute' | 'warnings'> & {
  input: Pick<RunInput, 'config' | 'heartbeatTimeoutMs' | 'shardWindow'>;
};

/** Gradients of all usable rows of a rows table. */
export async function makeGradients(
  { input: { config, heartbeatTimeoutMs, shardWindow }, compute, warnings }: Gradients,
  rows: ArtifactReference,
  { adapter, step }: GradientModel,
  shows: ShardProgress = SILENT,
): Promise<GradientsResult> {
  const input = { config, rows, adapter, ...(step !== undefined && { step }) };
  const plan = await compute.planGradients.executeWithOptions({ summary: 'gradients: plan' }, [input]);
  if (plan.finished !== null) {
    warnings.push(...plan.warnings);
    return plan.finished;
  }
  const { address, workId, shardCount } = plan;
  shows.start(shardCount);
  const shards: GradientShard[] = [];
  for (let shardStart = 0; shardStart < shardCount; shardStart += SHARDS_PER_CHILD) {
    const shardEnd = Math.min(shardCount, shardStart + SHARDS_PER_CHILD);
    const place = { address, shardCount, shardStart, shardEnd, next: shardStart, done: [] };
    const child: Child = {
      workflowId: `tive-gradients/${workId}/${shardStart / SHARDS_PER_CHILD}`,
      args: [{ ...input, ...place, heartbeatTimeoutMs, shardWindow }],
      staticSummary: `gradient shards ${shardStart + 1} to ${shardEnd} of ${shardCount}`,
    };
    shards.push(...(await collectOnce(child, heartbeatTimeoutMs)));
    shows.advance(shardEnd - shardStart);
  }
  const summary = 'gradients: close the table';
  const made = await compute.closeGradients.executeWithOptions({ summary }, [{ ...input, address, shards }]);
  warnings.push(...plan.warnings);
  return made;
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
  const control = proxyActivities<ControlActivities>({
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
