// The typed client of runs: start, find, wait, cancel, status.
import { basename } from 'node:path';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { recipeHash } from '../../activities/shared/recipe-hash.ts';
import type { Config } from '../../contracts/config.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { ReselectInput, RunInput, RunResult, RunSoFar, StageProgress } from '../../contracts/messages/run.ts';
import { GATE_QUERY, QUOTAS_QUERY } from '../../contracts/gate.ts';
import type { GateState } from '../../contracts/gate.ts';
import type { AllocationResult } from '../../contracts/messages/selection.ts';
import { CONTROL_QUEUE } from '../../contracts/queues.ts';
import { STAGES } from '../../contracts/stages.ts';
import type { Stage } from '../../contracts/stages.ts';
import { workNow } from './work-now.ts';
import type { WorkNow } from './work-now.ts';
import { datasetName, MARK_KEY, markText } from './recipe-mark.ts';
import type { RecipeMark } from './recipe-mark.ts';
import type { tiveReselect } from '../../workflows/reselect.ts';
import type { tiveRun } from '../../workflows/run.ts';

/** Both kinds of run answer the same query and give the same result. */
type RunWorkflow = WorkflowHandle<typeof tiveRun> | WorkflowHandle<typeof tiveReselect>;

/** A started run. */
export interface RunHandle {
  runName: string;
  workflow: RunWorkflow;
  /** Where the run stands; null while no worker answers. */
  progress(): Promise<RunStatus | null>;
  /** What it has found so far; null for another selection, and where no worker answers or one of an older version. */
  found(): Promise<RunSoFar | null>;
  /** Quotas that wait for an approval; null where none do, or no worker answers. */
  quotas(): Promise<AllocationResult['tasks'] | null>;
  result(): Promise<RunResult>;
}

/** Progress of all stages, and of the activities in work. */
export interface RunStatus extends WorkNow {
  stages: StageProgress[];
  gate: GateState;
}

export interface StartOptions {
  runName: string;
  config: Config;
  until?: Stage;
  heartbeatTimeoutMs?: number;
  shardWindow?: number;
  /** Keeps what the last run of the name has computed, as far as its rows are still there. */
  incremental?: boolean;
  /** Ends a run of the same name that an earlier process left behind; what it has done is in the store. */
  replaces?: boolean;
  /** Of another selection: nothing of it is kept under its name. */
  isPreview?: boolean;
  /** File of the recipe, for messages. */
  recipeFile?: string | null;
}

/** Workflow id of a run. */
export function workflowIdOf(runName: string): string {
  return `tive-${runName}`;
}

/** What the workflow of a run says of its recipe. */
export function memoOf({ config, until = 'report', recipeFile = null }: StartOptions): { [MARK_KEY]: RecipeMark } {
  const file = recipeFile === null ? null : basename(recipeFile);
  const facts = { dataset: datasetName(config.dataset.path), method: config.selection.method };
  return { [MARK_KEY]: { sha256: recipeHash(config), file, until, ...facts } };
}

/**
 * Starts a run, or joins the one of the same name that is running.
 * @throws InvalidConfigError where another recipe runs under the name
 */
export async function startRun(client: Client, options: StartOptions): Promise<RunHandle> {
  const { runName, replaces = false } = options;
  const workflow = await client.workflow.start<typeof tiveRun>('tiveRun', {
    taskQueue: CONTROL_QUEUE,
    workflowId: workflowIdOf(runName),
    workflowIdConflictPolicy: replaces ? 'TERMINATE_EXISTING' : 'USE_EXISTING',
    args: [inputOf(options)],
    staticSummary: summaryOf(options),
    memo: memoOf(options),
  });
  if (!replaces) await requireSameRecipe(workflow, options);
  return handleOf(client, runName, workflow);
}

/** The run that was joined must be of the recipe that was given. Runs of older versions do not say. */
async function requireSameRecipe(workflow: RunWorkflow, options: StartOptions): Promise<void> {
  const open = (await workflow.describe()).memo?.[MARK_KEY] as RecipeMark | undefined;
  const given = memoOf(options)[MARK_KEY];
  if (open === undefined || (open.sha256 === given.sha256 && open.until === given.until)) return;
  const { runName } = options;
  if (open.sha256 !== given.sha256)
    throw new InvalidConfigError(
      `run.name: must be that of one recipe, got "${runName}", which is open with ${markText(open)}, for ${markText(given)}; ` +
        `tive status ${runName} follows it, tive cancel ${runName} ends it, or set another run.name`,
    );
  if (STAGES.indexOf(open.until) < STAGES.indexOf(given.until))
    throw new InvalidConfigError(
      `run: must be open until ${given.until}, got "${runName}", which is open until ${open.until}; run again when it has ended`,
    );
}

/**
 * Starts a new selection from the gradient table of a run that is there. Nobody is asked to approve of its quotas: no
 * training follows that they would hold.
 */
export async function startReselection(client: Client, asked: StartOptions, base: RunResult): Promise<RunHandle> {
  const { config } = asked;
  const options = { ...asked, config: { ...config, allocation: { ...config.allocation, approval: 'none' as const } } };
  const isPreview = options.isPreview === true && { isPreview: true };
  const input: ReselectInput = { ...inputOf(options), base, ...isPreview };
  const selects: StartOptions = { ...options, until: 'selection' };
  const workflow = await client.workflow.start<typeof tiveReselect>('tiveReselect', {
    taskQueue: CONTROL_QUEUE,
    workflowId: workflowIdOf(options.runName),
    workflowIdConflictPolicy: options.replaces === true ? 'TERMINATE_EXISTING' : 'USE_EXISTING',
    args: [input],
    memo: memoOf(selects),
    staticSummary: `${options.config.selection.method} from the gradients of ${base.runName}`,
  });
  if (options.replaces !== true) await requireSameRecipe(workflow, selects);
  return handleOf(client, options.runName, workflow);
}

/** A line for Temporal's own pages. */
export function summaryOf({ config }: StartOptions): string {
  return `${config.selection.method}: ${config.dataset.path.map((path) => basename(path)).join(', ')}`.slice(0, 100);
}

/** What the workflow of a run is started with. */
export function inputOf({
  runName,
  config,
  until = 'report',
  heartbeatTimeoutMs = 120_000,
  shardWindow = 8,
  incremental = false,
}: StartOptions): RunInput {
  return { runName, config, until, heartbeatTimeoutMs, shardWindow, incremental };
}

/** The run of a name, else the last one that its schedule has started. @throws RangeError where there is none */
export async function findRun(client: Client, runName: string): Promise<RunHandle> {
  const workflow = client.workflow.getHandle<typeof tiveRun>(workflowIdOf(runName));
  try {
    await workflow.describe();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    const { scheduledRun } = await import('./cluster-runs.ts');
    const scheduled = await scheduledRun(client, runName);
    if (scheduled === null) throw new RangeError(`run: must exist, got no "${runName}"`, { cause: error });
    return handleOf(client, runName, client.workflow.getHandle<typeof tiveRun>(scheduled));
  }
  return handleOf(client, runName, workflow);
}

function handleOf(client: Client, runName: string, workflow: RunWorkflow): RunHandle {
  return {
    runName,
    workflow,
    result: () => workflow.result(),
    progress: () => readProgress(client, workflow).catch(() => null),
    found: () => workflow.query<RunSoFar>('found').catch(() => null),
    quotas: () => workflow.query<AllocationResult['tasks'] | null>(QUOTAS_QUERY).catch(() => null),
  };
}

/** Stages by the run's own word; activities in work, and finished shards, from the run and its children. */
async function readProgress(client: Client, workflow: RunWorkflow): Promise<RunStatus> {
  const [stages, gate, description] = await Promise.all([
    workflow.query<StageProgress[]>('progress'),
    workflow.query<GateState>(GATE_QUERY),
    workflow.describe() as Promise<WorkflowExecutionDescription>,
  ]);
  const activities = [...(description.raw.pendingActivities ?? [])];
  const gradients = stages.find(({ stage }) => stage === 'gradients')!;
  for (const { workflowId } of description.raw.pendingChildren ?? []) {
    const child = client.workflow.getHandle(workflowId ?? '');
    activities.push(...((await child.describe()).raw.pendingActivities ?? []));
    gradients.doneCount += await child.query<number>('finishedShards');
  }
  return { stages, gate, ...(await workNow(client, activities)) };
}
