// Logs, metrics and leases of a plugin's activities, beside the worker's own interceptors.
import type { WorkerInterceptors } from '@temporalio/worker';
import { leaseActivities } from '../activities/shared/leases.ts';
import { observeActivities } from '../activities/shared/observe.ts';
import type { Stage } from '../contracts/stages.ts';
import type { Store } from '../store/store.ts';

/** Adds the interceptors that count and label activities of these names, and hold leases for them. */
export function addObserver(
  stages: Readonly<Record<string, Stage>>,
  openStore: (uri: string) => Store,
): (existing?: WorkerInterceptors) => WorkerInterceptors {
  const own = [observeActivities(stages), leaseActivities(stages, openStore)];
  return (existing = {}) => ({ ...existing, activity: [...(existing.activity ?? []), ...own] });
}
