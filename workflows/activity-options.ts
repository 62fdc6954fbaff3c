// How workflows call activities: queues, timeouts, retries.
import type { ActivityOptions } from '@temporalio/workflow';
import { NON_RETRYABLE_ERRORS } from '../contracts/failures.ts';
import { COMPUTE_QUEUE, CONTROL_QUEUE } from '../contracts/queues.ts';

/**
 * Options of heavy activities. There is no limit of attempts: drains, pauses and resets each consume one, so a small
 * limit would kill healthy work. The no-progress rule of the activities ends what is really stuck.
 */
export function computeOptions(heartbeatTimeoutMs: number): ActivityOptions {
  return {
    taskQueue: COMPUTE_QUEUE,
    heartbeatTimeout: heartbeatTimeoutMs,
    startToCloseTimeout: '12h',
    scheduleToCloseTimeout: '7d',
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    retry: { initialInterval: '1s', maximumInterval: '2m', nonRetryableErrorTypes: [...NON_RETRYABLE_ERRORS] },
  };
}

/** Options of light activities of the control worker. */
export function controlOptions(heartbeatTimeoutMs: number): ActivityOptions {
  return { ...computeOptions(heartbeatTimeoutMs), taskQueue: CONTROL_QUEUE, startToCloseTimeout: '2h' };
}
