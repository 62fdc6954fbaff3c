// The runs of a cluster, as its list tells of them.
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import type { ListedRun } from './list-runs.ts';
import { MARK_KEY } from './recipe-mark.ts';
import type { RecipeMark } from './recipe-mark.ts';

/** A run in the list of a cluster. */
export interface ClusterRun extends ListedRun {
  kind: 'run' | 'benchmark';
  workflowId: string;
  /** Temporal's own: a run that is started again has another one. */
  runId: string;
}

/** Executions that a list has, the newest. */
const MOST_LISTED = 500;

/** Gradients are collected, and cells of benchmarks are run, below other names. */
const QUERY = "WorkflowType IN ('tiveRun', 'tiveReselect', 'tiveBenchmark')";

/** What a schedule starts has the time behind its name. */
const WORKFLOW_ID = /^tive-([a-z0-9-]{1,64}?)(-\d{4}-\d\d-\d\dT[\d:.]+Z)?$/;

const STATES: Readonly<Record<string, ListedRun['state']>> = {
  RUNNING: 'running',
  CONTINUED_AS_NEW: 'running',
  PAUSED: 'running',
  COMPLETED: 'done',
  CANCELLED: 'stopped',
};

/** The newest runs of a cluster, each name once: its own run before those that a schedule has started. */
export async function listClusterRuns(client: Client): Promise<ClusterRun[]> {
  const found = new Map<string, ClusterRun>();
  let count = 0;
  for await (const info of client.workflow.list({ query: QUERY, pageSize: MOST_LISTED })) {
    const run = clusterRunOf(info);
    const known = run === null ? undefined : found.get(run.runName);
    if (run !== null && (known === undefined || isBefore(run, known))) found.set(run.runName, run);
    count += 1;
    if (count === MOST_LISTED) break;
  }
  return [...found.values()].sort((left, right) => right.changedAt.localeCompare(left.changedAt));
}

/**
 * The newest run that a schedule of the name has started.
 * @returns its workflow's id, or null where there is none
 */
export async function scheduledRun(client: Client, runName: string): Promise<string | null> {
  const query = `WorkflowType = 'tiveRun' AND WorkflowId STARTS_WITH 'tive-${runName}-2'`;
  let newest: WorkflowExecutionInfo | null = null;
  for await (const info of client.workflow.list({ query, pageSize: MOST_LISTED })) {
    if (WORKFLOW_ID.exec(info.workflowId)?.[1] !== runName) continue;
    if (newest === null || info.startTime > newest.startTime) newest = info;
  }
  return newest?.workflowId ?? null;
}

function isBefore(run: ClusterRun, known: ClusterRun): boolean {
  const own = (each: ClusterRun): boolean => each.workflowId === `tive-${each.runName}`;
  return own(run) === own(known) ? run.changedAt > known.changedAt : own(run);
}

function clusterRunOf(info: WorkflowExecutionInfo): ClusterRun | null {
  const { workflowId, runId, status, type, startTime, closeTime, memo } = info;
  const runName = WORKFLOW_ID.exec(workflowId)?.[1];
  if (runName === undefined) return null;
  const mark = memo?.[MARK_KEY] as RecipeMark | undefined;
  return {
    runName,
    place: 'cluster',
    kind: type === 'tiveBenchmark' ? 'benchmark' : 'run',
    workflowId,
    runId,
    state: STATES[status.name] ?? 'failed',
    stage: null,
    rowCount: null,
    selectedCount: null,
    dataset: mark?.dataset ?? null,
    method: mark?.method ?? null,
    changedAt: (closeTime ?? startTime).toISOString(),
  };
}
