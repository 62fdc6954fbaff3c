// The interceptor of activities beside the worker's own.
import type { WorkerInterceptors } from '@temporalio/worker';
import { observeActivities } from '../activities/shared/observe.ts';

/** Adds the interceptor that counts and labels activities, once, beside the worker's own. */
export function addObserver(existing: WorkerInterceptors = {}): WorkerInterceptors {
  const activity = existing.activity ?? [];
  return activity.includes(observeActivities) ? existing : { ...existing, activity: [...activity, observeActivities] };
}
