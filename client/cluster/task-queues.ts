// Whether workers ask for a run's work.
import type { Client } from '@temporalio/client';
import { COMPUTE_QUEUE, CONTROL_QUEUE } from '../../contracts/queues.ts';

/** Kinds of tasks of a queue, as Temporal numbers them. */
const WORKFLOW_TASKS = 1;
const ACTIVITY_TASKS = 2;

const QUEUES = [
  { queue: CONTROL_QUEUE, kind: WORKFLOW_TASKS, command: 'tive worker control' },
  { queue: COMPUTE_QUEUE, kind: ACTIVITY_TASKS, command: 'tive worker compute' },
] as const;

/** Compute processes that have asked for work of late, as Temporal names them. */
export async function computeWorkers({ options: { namespace }, workflowService }: Client): Promise<string[]> {
  const request = { namespace, taskQueue: { name: COMPUTE_QUEUE }, taskQueueType: ACTIVITY_TASKS };
  const { pollers } = await workflowService.describeTaskQueue(request);
  return (pollers ?? []).map(({ identity }) => identity ?? '');
}

/** What to say of each queue that no worker listens on, with the command that starts one. */
export async function missingWorkers(client: Client, address: string): Promise<string[]> {
  const said: string[] = [];
  for (const { queue, kind, command } of QUEUES) {
    const request = { namespace: client.options.namespace, taskQueue: { name: queue }, taskQueueType: kind };
    const { pollers } = await client.workflowService.describeTaskQueue(request);
    if ((pollers ?? []).length === 0)
      said.push(`run: a worker must poll ${queue}, got none; start ${command} --address ${address}`);
  }
  return said;
}
