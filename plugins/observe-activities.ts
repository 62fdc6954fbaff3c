// Logs and metrics of a plugin's activities, beside the worker's own interceptors.
import type { WorkerInterceptors } from '@temporalio/worker';
import { observeActivities } from '../activities/shared/observe.ts';
import type { Stage } from '../contracts/stages.ts';

/** Adds the interceptor that counts and labels activities of these names. */
export function addObserver(
  stages: Readonly<Record<string, Stage>>,
): (existing?: WorkerInterceptors) => WorkerInterceptors {
  const observer = observeActivities(stages);
  return (existing = {}) => ({ ...existing, activity: [...(existing.activity ?? []), observer] });
}
