import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { Config } from '../contracts/config.ts';
import type { Checkpoint, RunInput, RunResult, StageProgress } from '../contracts/messages.ts';
import { CONTROL_QUEUE } from '../contracts/queues.ts';
import type { Stage } from '../contracts/stages.ts';
import type { tiveRun } from '../workflows/run.ts';

/** A started run. */
export interface RunHandle {
  runName: string;
  workflow: WorkflowHandle<typeof tiveRun>;
  /** Where the run stands; null while no worker answers. */
  progress(): Promise<RunStatus | null>;
  result(): Promise<RunResult>;
}

/** Progress of all stages, and of the activities in work. */
export interface RunStatus {
  stages: StageProgress[];
  /** Attempts beyond the first, over all activities that are in work now. */
  retryCount: number;
  /** Rows or steps done and wanted, by stage, from heartbeats. */
  working: Map<Stage, { doneCount: number; totalCount: number }>;
}

export interface StartOptions {
  runName: string;
  config: Config;
  until?: Stage;
  heartbeatTimeoutMs?: number;
  shardWindow?: number;
  /** Ends a run of the same name that an earlier process left behind; what it has done is in the store. */
  replaces?: boolean;
}

/** Workflow id of a run. */
export function workflowIdOf(runName: string): string {
  return `tive-${runName}`;
}

/** Starts a run, or joins the one of the same name that is running. */
export async function startRun(client: Client, options: StartOptions): Promise<RunHandle> {
  const {
    runName,
    config,
    until = 'report',
    heartbeatTimeoutMs = 120_000,
    shardWindow = 8,
    replaces = false,
  } = options;
  const input: RunInput = { runName, config, until, heartbeatTimeoutMs, shardWindow };
  const workflow = await client.workflow.start<typeof tiveRun>('tiveRun', {
    taskQueue: CONTROL_QUEUE,
    workflowId: workflowIdOf(runName),
    workflowIdConflictPolicy: replaces ? 'TERMINATE_EXISTING' : 'USE_EXISTING',
    args: [input],
    staticSummary:
      `${config.selection.method}: ${config.dataset.path.map((path) => path.split('/').at(-1)).join(', ')}`.slice(
        0,
        200,
      ),
  });
  return handleOf(runName, workflow);
}

/** The run of a name. @throws RangeError where there is none */
export async function findRun(client: Client, runName: string): Promise<RunHandle> {
  const workflow = client.workflow.getHandle<typeof tiveRun>(workflowIdOf(runName));
  try {
    await workflow.describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError)
      throw new RangeError(`run: must exist, got no "${runName}"`, { cause: error });
    throw error;
  }
  return handleOf(runName, workflow);
}

function handleOf(runName: string, workflow: WorkflowHandle<typeof tiveRun>): RunHandle {
  return {
    runName,
    workflow,
    result: () => workflow.result(),
    progress: async () => {
      try {
        const [stages, description] = await Promise.all([
          workflow.query<StageProgress[]>('progress'),
          workflow.describe(),
        ]);
        return { stages, ...workingOf(description.raw.pendingActivities ?? []) };
      } catch {
        return null;
      }
    },
  };
}

interface PendingActivity {
  attempt?: number | null;
  heartbeatDetails?: { payloads?: { data?: Uint8Array | null }[] | null } | null;
}

function workingOf(activities: readonly PendingActivity[]): Pick<RunStatus, 'retryCount' | 'working'> {
  const working: RunStatus['working'] = new Map();
  let retryCount = 0;
  for (const { attempt, heartbeatDetails } of activities) {
    retryCount += Math.max(0, (attempt ?? 1) - 1);
    const data = heartbeatDetails?.payloads?.[0]?.data;
    if (data === undefined || data === null) continue;
    const { stage, doneCount, totalCount } = JSON.parse(Buffer.from(data).toString()) as Checkpoint;
    const sum = working.get(stage) ?? { doneCount: 0, totalCount: 0 };
    working.set(stage, { doneCount: sum.doneCount + doneCount, totalCount: sum.totalCount + totalCount });
  }
  return { retryCount, working };
}
