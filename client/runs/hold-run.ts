// Pausing, resuming and approving a run.
import type { Client } from '@temporalio/client';
import { APPROVE_UPDATE, PAUSE_SIGNAL, RESUME_SIGNAL } from '../../contracts/gate.ts';
import type { RunHandle } from './runs.ts';

/** A workflow with activities in work: the run, and the children that collect its gradients. */
interface BusyWorkflow {
  workflowId: string;
  activityIds: string[];
}

/** Lets a run begin nothing new; what is in work stops at its next checkpoint and keeps its place. */
export async function pauseRun(client: Client, run: RunHandle): Promise<void> {
  await run.workflow.signal(PAUSE_SIGNAL);
  await forEachBusy(client, run, async ({ workflowId, activityIds }) => {
    if (workflowId !== run.workflow.workflowId) await client.workflow.getHandle(workflowId).signal(PAUSE_SIGNAL);
    const { namespace } = client.options;
    for (const id of activityIds) {
      const request = { namespace, execution: { workflowId }, id, reason: 'tive pause', identity: 'tive' };
      await client.workflowService.pauseActivity(request).catch(ignoreEnded);
    }
  });
}

/** Lets a paused run go on from its checkpoints. */
export async function resumeRun(client: Client, run: RunHandle): Promise<void> {
  await forEachBusy(client, run, async ({ workflowId, activityIds }) => {
    const { namespace } = client.options;
    for (const id of activityIds) {
      const request = { namespace, execution: { workflowId }, id, identity: 'tive' };
      await client.workflowService.unpauseActivity(request).catch(ignoreEnded);
    }
    if (workflowId !== run.workflow.workflowId) await client.workflow.getHandle(workflowId).signal(RESUME_SIGNAL);
  });
  await run.workflow.signal(RESUME_SIGNAL);
}

/** @throws RangeError where the run does not wait for an approval */
export async function approveRun(run: RunHandle): Promise<void> {
  await run.workflow.executeUpdate(APPROVE_UPDATE);
}

/** An activity may have ended since it was listed. */
function ignoreEnded(error: unknown): void {
  const NOT_FOUND = 5;
  if ((error as { code?: number }).code !== NOT_FOUND) throw error;
}

async function forEachBusy(
  client: Client,
  { workflow }: RunHandle,
  act: (workflow: BusyWorkflow) => Promise<void>,
): Promise<void> {
  const { raw } = await workflow.describe();
  const children = (raw.pendingChildren ?? []).map(({ workflowId }) => workflowId ?? '');
  for (const workflowId of [workflow.workflowId, ...children]) {
    const { pendingActivities } = (await client.workflow.getHandle(workflowId).describe()).raw;
    await act({ workflowId, activityIds: (pendingActivities ?? []).map(({ activityId }) => activityId ?? '') });
  }
}
