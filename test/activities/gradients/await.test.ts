import { CancelledFailure } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createAwaitGradientsActivities } from '../../../activities/gradients/await.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout'] }));
afterEach(() => void vi.useRealTimers());

type Answer = string | Error;

/** Waits for a workflow whose server gives these answers, one a look, the last one for ever. */
function waiting(...answers: [Answer, ...Answer[]]) {
  const seen: string[] = [];
  const describeWorkflow = (workflowId: string) => (): Promise<{ status: { name: string } }> => {
    const answer = answers[Math.min(seen.length, answers.length - 1)]!;
    seen.push(workflowId);
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve({ status: { name: answer } });
  };
  const client = {
    workflow: { getHandle: (workflowId: string) => ({ describe: describeWorkflow(workflowId) }) },
    withAbortSignal: (_: AbortSignal, activity: () => Promise<unknown>) => activity(),
  };
  const environment = new MockActivityEnvironment(
    {},
    { client: client as unknown as Client, logger: new DefaultLogger('ERROR') },
  );
  const { awaitGradients } = createAwaitGradientsActivities();
  const ended = environment.run(awaitGradients, { workflowId: 'gradients-a' });
  return { ended, seen, environment };
}

test.each(['COMPLETED', 'FAILED', 'CANCELLED', 'TERMINATED', 'TIMED_OUT'])(
  'a workflow that is %s is waited for no longer',
  async (status) => {
    const { ended, seen } = waiting(status);
    await expect(ended).resolves.toBeUndefined();
    expect(seen).toEqual(['gradients-a']);
  },
);

test('a workflow that the server knows no more has ended', async () => {
  await expect(waiting(new WorkflowNotFoundError('gone', 'gradients-a', undefined)).ended).resolves.toBeUndefined();
});

test('a server that cannot be asked fails the attempt, which is tried again', async () => {
  await expect(waiting(new Error('unavailable')).ended).rejects.toThrow('unavailable');
});

test('a running workflow is looked at every two seconds until it has ended', async () => {
  const { ended, seen } = waiting('RUNNING', 'RUNNING', 'COMPLETED');
  for (const lookCount of [1, 2]) {
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1), { interval: 1 });
    expect(seen).toHaveLength(lookCount);
    vi.advanceTimersByTime(2000);
  }
  await expect(ended).resolves.toBeUndefined();
  expect(seen).toHaveLength(3);
});

test('a cancelled wait ends at its next look', async () => {
  const { ended, environment } = waiting('RUNNING');
  const refused = expect(ended).rejects.toThrow(CancelledFailure);
  await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1), { interval: 1 });
  environment.cancel('CANCELLED');
  vi.advanceTimersByTime(2000);
  await refused;
});
