// Activity of the gradients stage that waits for shards which another run computes.
import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { AwaitGradientsInput } from '../../contracts/messages/gradients.ts';
import { openPulse } from '../shared/heartbeat.ts';

const POLL_MS = 2000;

/** Waiting for what another run computes. */
export function createAwaitGradientsActivities() {
  return {
    /** Waits until a workflow has ended, in whatever way. Only the workflow's server limits how long. */
    async awaitGradients({ workflowId }: AwaitGradientsInput): Promise<void> {
      const pulse = openPulse('gradients');
      const workflow = Context.current().client.workflow.getHandle(workflowId);
      for (;;) {
        const status = await workflow.describe().then(
          (described) => described.status.name,
          (error: unknown) => {
            if (error instanceof WorkflowNotFoundError) return 'GONE';
            throw error;
          },
        );
        if (status !== 'RUNNING') return;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        await pulse.pause();
      }
    },
  };
}
