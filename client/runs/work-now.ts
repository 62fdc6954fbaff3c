// What is in work now, as the heartbeats of a run's activities tell it.
import { arrayFromPayloads } from '@temporalio/common';
import type { LoadedDataConverter, Payload } from '@temporalio/common';
import type { Client } from '@temporalio/client';
import { COMPUTE_STAGES, CONTROL_STAGES } from '../../activities/activity-stages.ts';
import type { Checkpoint, TrainingSoFar } from '../../contracts/messages/run.ts';
import type { Stage } from '../../contracts/stages.ts';

/** The activities that have not ended. */
export interface WorkNow {
  /** Attempts beyond the first, over all of them. */
  retryCount: number;
  /** Of those that are tried again: what, which attempt, and how the last one ended; in sentences. */
  failures: string[];
  /** By stage, from heartbeats. */
  working: Map<Stage, WorkInProgress>;
  /** Trainings, with the steps that they have in all. */
  trainings: (TrainingSoFar & { stepCount: number })[];
}

export interface WorkInProgress {
  /** Rows or steps done and wanted, over all activities; 0 wanted = not known. */
  doneCount: number;
  totalCount: number;
  /** Sum over activities of the share that each has done. */
  doneParts: number;
  /** The share of each, in no order. */
  shares: number[];
  /** Rows a second, over all activities that tell it; null where none does. */
  rowsPerSecond: number | null;
  /** How many tell it. */
  pacedCount: number;
  /** Processes that are at them, as Temporal names them. */
  workers: string[];
}

/** An activity of a workflow that has not ended. */
interface PendingActivity {
  activityType?: { name?: string | null } | null;
  attempt?: number | null;
  lastFailure?: { message?: string | null } | null;
  state?: number | null;
  lastWorkerIdentity?: string | null;
  heartbeatDetails?: { payloads?: Payload[] | null } | null;
}

/** An activity that a worker is at, as Temporal numbers it; others wait, or are held. */
const STARTED = 2;

/** Stages by the names of activities. */
export const ACTIVITY_STAGES: Readonly<Record<string, Stage>> = { ...COMPUTE_STAGES, ...CONTROL_STAGES };

/** What the heartbeats of activities tell. */
export async function workNow(
  { options: { loadedDataConverter } }: Client,
  activities: readonly PendingActivity[],
): Promise<WorkNow> {
  const working: WorkNow['working'] = new Map();
  const trainings: WorkNow['trainings'] = [];
  const failures: string[] = [];
  let retryCount = 0;
  for (const activity of activities) {
    const { attempt, state, lastWorkerIdentity, heartbeatDetails } = activity;
    retryCount += Math.max(0, (attempt ?? 1) - 1);
    failures.push(...failureOf(activity));
    const checkpoint = await checkpointIn(heartbeatDetails?.payloads ?? [], loadedDataConverter);
    if (checkpoint === undefined) continue;
    const worker = state === STARTED ? (lastWorkerIdentity ?? '') : null;
    working.set(checkpoint.stage, withActivity(working.get(checkpoint.stage), checkpoint, worker));
    if (checkpoint.training !== undefined) trainings.push({ ...checkpoint.training, stepCount: checkpoint.totalCount });
  }
  return { retryCount, failures: [...new Set(failures)], working, trainings };
}

function failureOf({ activityType, attempt, lastFailure }: PendingActivity): string[] {
  const [name, message] = [activityType?.name ?? 'activity', lastFailure?.message ?? ''];
  return message === '' ? [] : [`${ACTIVITY_STAGES[name] ?? name}: attempt ${attempt ?? 1}, after: ${message}`];
}

/** Of a stage that nobody is at. */
export const NO_WORK: WorkInProgress = {
  doneCount: 0,
  totalCount: 0,
  doneParts: 0,
  shares: [],
  rowsPerSecond: null,
  pacedCount: 0,
  workers: [],
};

function withActivity(
  sum: WorkInProgress = NO_WORK,
  { doneCount, totalCount, rowsPerSecond }: Checkpoint,
  worker: string | null,
): WorkInProgress {
  const share = totalCount === 0 ? 0 : doneCount / totalCount;
  const isPaced = worker !== null && rowsPerSecond !== undefined;
  return {
    doneCount: sum.doneCount + doneCount,
    totalCount: sum.totalCount + totalCount,
    doneParts: sum.doneParts + share,
    shares: [...sum.shares, share],
    rowsPerSecond: isPaced ? Number(((sum.rowsPerSecond ?? 0) + rowsPerSecond).toPrecision(4)) : sum.rowsPerSecond,
    pacedCount: sum.pacedCount + (isPaced ? 1 : 0),
    workers: worker === null ? sum.workers : [...sum.workers, worker],
  };
}

/** What a heartbeat carries, if anything: decoded by the last codec first, as it was encoded by it last. */
async function checkpointIn(
  payloads: Payload[],
  { payloadConverter, payloadCodecs }: LoadedDataConverter,
): Promise<Checkpoint | undefined> {
  let plain = payloads;
  for (const codec of payloadCodecs.toReversed()) plain = await codec.decode(plain);
  const [checkpoint] = arrayFromPayloads(payloadConverter, plain);
  return checkpoint as Checkpoint | undefined;
}
