// Activities as workflows call them: types, timeouts, retries.
import type { createAllocationActivities } from '../activities/selection/allocation.ts';
import type { createAwaitGradientsActivities } from '../activities/gradients/await.ts';
import type { createDatasetActivities } from '../activities/dataset/stage.ts';
import type { createEvaluationActivities } from '../activities/training/evaluation.ts';
import type { createFinetuneActivities } from '../activities/training/finetune.ts';
import type { createGradientActivities } from '../activities/gradients/stage.ts';
import type { createLastRunActivities } from '../activities/report/last-run.ts';
import type { createNewRowsActivities } from '../activities/gradients/new-rows.ts';
import type { createReportActivities } from '../activities/report/stage.ts';
import type { createSelectionActivities } from '../activities/selection/stage.ts';
import type { createSelectionChangeActivities } from '../activities/selection/change.ts';
import type { createValuesActivities } from '../activities/values/stage.ts';
import type { createWarmupActivities } from '../activities/training/warmup.ts';
import type { ActivityOptions } from '@temporalio/workflow';
import { NON_RETRYABLE_ERRORS } from '../contracts/failures.ts';
import { COMPUTE_QUEUE, CONTROL_QUEUE } from '../contracts/queues.ts';

/** Heavy activities, as workflows call them. */
export type ComputeActivities = ReturnType<typeof createDatasetActivities> &
  ReturnType<typeof createWarmupActivities> &
  ReturnType<typeof createNewRowsActivities> &
  ReturnType<typeof createGradientActivities> &
  ReturnType<typeof createFinetuneActivities> &
  ReturnType<typeof createEvaluationActivities>;

/** Light activities, as workflows call them. */
export type ControlActivities = ReturnType<typeof createValuesActivities> &
  ReturnType<typeof createAllocationActivities> &
  ReturnType<typeof createSelectionActivities> &
  ReturnType<typeof createSelectionChangeActivities> &
  ReturnType<typeof createLastRunActivities> &
  ReturnType<typeof createAwaitGradientsActivities> &
  ReturnType<typeof createReportActivities>;

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
