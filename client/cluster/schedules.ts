// Temporal schedules of incremental runs.
import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import type { Client, ScheduleDescription, ScheduleHandle } from '@temporalio/client';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { CONTROL_QUEUE } from '../../contracts/queues.ts';
import { inputOf, memoOf, summaryOf, workflowIdOf } from '../runs/runs.ts';
import type { StartOptions } from '../runs/runs.ts';

/** When a schedule starts its runs: exactly one of the two. */
export interface ScheduleTimes {
  /** e.g. `6h`, `30m`. */
  every?: string | undefined;
  /** Five fields, in UTC. */
  cron?: string | undefined;
}

/** What a person sees of a schedule. */
export interface ScheduleSummary {
  runName: string;
  paused: boolean;
  /** Runs that it has started. */
  runCount: number;
  /** Starts that found a run still at work. */
  skippedCount: number;
  nextAt: Date | null;
  /** Workflow ids, oldest first. */
  recentRuns: { workflowId: string; startedAt: Date }[];
  /** Workflow ids of runs that are at work. */
  running: string[];
}

const PREFIX = 'tive-schedule-';

/** After an outage a start that is later than this is left out: one reselection is enough, whatever was missed. */
const CATCHUP_WINDOW = '1h';

/**
 * Creates a schedule of incremental runs of a recipe. A start that finds the last run still at work is skipped.
 * @throws InvalidConfigError where there is one of the name, or the times cannot be read
 */
export async function createSchedule(client: Client, options: StartOptions, times: ScheduleTimes): Promise<void> {
  const { runName } = options;
  try {
    await client.schedule.create({
      scheduleId: PREFIX + runName,
      spec: specOf(times),
      action: {
        type: 'startWorkflow',
        workflowType: 'tiveRun',
        workflowId: workflowIdOf(runName),
        taskQueue: CONTROL_QUEUE,
        args: [inputOf({ ...options, incremental: true })],
        staticSummary: summaryOf(options),
        memo: memoOf(options),
      },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCHUP_WINDOW },
    });
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) {
      throw new InvalidConfigError(`schedule: name must be new, got "${runName}", which exists; delete it first`);
    }
    throw error;
  }
}

function specOf({ every, cron }: ScheduleTimes) {
  if ((every === undefined) === (cron === undefined)) {
    const got = every === undefined ? 'neither' : 'both';
    throw new InvalidConfigError(`schedule: exactly one of --every, --cron must be given, got ${got}`);
  }
  if (cron !== undefined) {
    if (cron.trim().split(/\s+/).length !== 5) {
      throw new InvalidConfigError(`schedule: --cron must have five fields, got "${cron}"`);
    }
    return { cronExpressions: [cron] };
  }
  const [, amount, unit] = /^(\d+)\s*(s|m|h|d)$/.exec(every!) ?? [];
  const milliseconds = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit ?? ''];
  if (milliseconds === undefined || Number(amount) === 0) {
    throw new InvalidConfigError(`schedule: --every must be a time such as 30m, 6h or 1d, got "${every}"`);
  }
  return { intervals: [{ every: Number(amount) * milliseconds }] };
}

/** Names of all schedules of runs. */
export async function listSchedules(client: Client): Promise<string[]> {
  const names: string[] = [];
  for await (const { scheduleId } of client.schedule.list()) {
    if (scheduleId.startsWith(PREFIX)) names.push(scheduleId.slice(PREFIX.length));
  }
  return names.sort();
}

export async function describeSchedule(client: Client, runName: string): Promise<ScheduleSummary> {
  const { state, info } = await known(runName, () => handleOf(client, runName).describe());
  return {
    runName,
    paused: state.paused,
    runCount: info.numActionsTaken,
    skippedCount: info.numActionsSkippedOverlap,
    nextAt: info.nextActionTimes[0] ?? null,
    recentRuns: info.recentActions.flatMap(({ action, takenAt }) =>
      action.type === 'startWorkflow' ? [{ workflowId: action.workflow.workflowId, startedAt: takenAt }] : [],
    ),
    running: runningOf(info),
  };
}

function runningOf({ runningActions }: ScheduleDescription['info']): string[] {
  return runningActions.flatMap((action) => (action.type === 'startWorkflow' ? [action.workflow.workflowId] : []));
}

/** Starts a run now, unless one is at work. */
export async function triggerSchedule(client: Client, runName: string): Promise<void> {
  // Without a word of ours a trigger starts a second run beside the first.
  await known(runName, () => handleOf(client, runName).trigger(ScheduleOverlapPolicy.SKIP));
}

export async function pauseSchedule(client: Client, runName: string, pause: boolean): Promise<void> {
  const handle = handleOf(client, runName);
  await known(runName, () => (pause ? handle.pause() : handle.unpause()));
}

/** Removes the schedule; runs that are at work go on, results stay. */
export async function deleteSchedule(client: Client, runName: string): Promise<void> {
  await known(runName, () => handleOf(client, runName).delete());
}

/**
 * Result of the last run that the schedule has started; waits where it is still at work.
 * @throws RangeError where it has started none
 */
export async function lastScheduledResult(client: Client, runName: string): Promise<RunResult> {
  const { recentRuns } = await describeSchedule(client, runName);
  const last = recentRuns.at(-1);
  if (last === undefined) {
    throw new RangeError(
      `schedule: must have started a run, got none of "${runName}"; tive schedule trigger ${runName}`,
    );
  }
  return (await client.workflow.getHandle(last.workflowId).result()) as RunResult;
}

function handleOf(client: Client, runName: string): ScheduleHandle {
  return client.schedule.getHandle(PREFIX + runName);
}

async function known<Result>(runName: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) {
      throw new RangeError(`schedule: must exist, got no "${runName}"`, { cause: error });
    }
    throw error;
  }
}
