import type { Client, WorkflowHandle } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure } from '@temporalio/common';
import { startRun } from '../../client/runs/runs.ts';
import type { RunHandle, StartOptions } from '../../client/runs/runs.ts';
import type { Config } from '../../contracts/config.ts';
import type { CollectGradientsInput } from '../../contracts/messages/gradients.ts';
import type { StageProgress } from '../../contracts/messages/run.ts';
import { CONTROL_QUEUE } from '../../contracts/queues.ts';
import type { Stage } from '../../contracts/stages.ts';
import type { collectGradients } from '../../workflows/collect-gradients.ts';
import { DEMO_CONFIG } from '../report/demo-summary.ts';
import { made } from './fake-activities.ts';

/** A recipe with one method to compare with. */
export const CONFIG: Config = { ...DEMO_CONFIG, evaluation: { ...DEMO_CONFIG.evaluation, compare: ['random'] } };

/** Starts a run as the command does. */
export function start(client: Client, runName: string, options: Partial<StartOptions> = {}): Promise<RunHandle> {
  return startRun(client, { runName, config: CONFIG, shardWindow: 2, ...options });
}

/** Input of a child that computes the shards [0, shardCount). */
export function collectInput(shardCount: number, shardWindow: number): CollectGradientsInput {
  const rows = made('rows', 'dataset');
  return {
    config: CONFIG,
    rows,
    adapter: made('warmup', rows),
    address: 'gradients',
    shardCount,
    shardStart: 0,
    shardEnd: shardCount,
    heartbeatTimeoutMs: 120_000,
    shardWindow,
    next: 0,
    done: [],
  };
}

/** Starts a child on its own. */
export function startCollecting(
  client: Client,
  workflowId: string,
  input: CollectGradientsInput,
): Promise<WorkflowHandle<typeof collectGradients>> {
  const taskQueue = CONTROL_QUEUE;
  return client.workflow.start<typeof collectGradients>('collectGradients', { taskQueue, workflowId, args: [input] });
}

/** State of each stage. */
export function statesOf(stages: readonly StageProgress[]): Record<Stage, string> {
  return Object.fromEntries(stages.map(({ stage, state }) => [stage, state])) as Record<Stage, string>;
}

/** Type of the activity's own error behind what a run failed with. */
export function failureType(error: unknown): string | null | undefined {
  let cause = (error as Error).cause;
  while (cause instanceof ChildWorkflowFailure || cause instanceof ActivityFailure) cause = cause.cause;
  return cause instanceof ApplicationFailure ? cause.type : cause?.constructor.name;
}

/** What a promise is refused with. @throws Error where it is fulfilled */
export async function refusalOf(promise: Promise<unknown>): Promise<unknown> {
  const fulfilled = Symbol('fulfilled');
  const outcome = await promise.then(
    () => fulfilled,
    (error: unknown) => error,
  );
  if (outcome === fulfilled) throw new Error('refusalOf: promise must be rejected, got fulfilled');
  return outcome;
}
