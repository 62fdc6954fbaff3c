// The heartbeat of a heavy activity: its checkpoint, cancellation, and the rule against standing still.
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure, Context } from '@temporalio/activity';
import { TemporalFailure } from '@temporalio/common';
import { NoProgressError, WORKER_DRAINING } from '../../contracts/failures.ts';
import type { Checkpoint, TrainingSoFar } from '../../contracts/messages/run.ts';
import type { Stage } from '../../contracts/stages.ts';
import { setCheckpointAge } from './metrics.ts';
import { Pace } from './pace.ts';

/** Attempts that may pass without getting further before the activity is given up. */
const STUCK_ATTEMPTS = 5;

/** Heartbeats of one activity: each carries the last checkpoint, since one without details would erase it. */
export interface Pulse {
  /**
   * Reports work that is durable. Throws where the activity must stop: the caller has just saved its checkpoint.
   * @param training its curves up to here, where it is one
   */
  committed(doneCount: number, totalCount: number, training?: TrainingSoFar): Promise<void>;
  /** Counts rows that were just worked through: heartbeats tell how many a second. */
  worked(rowCount: number): void;
  /** Between two checkpoints: lets heartbeats and cancellation through, never throws. */
  breathe(): Promise<void>;
  /** Whether the activity is asked to stop: save a checkpoint and call `committed`. */
  mustStop(): boolean;
  /**
   * Between two checkpoints, where stopping loses only what can be done again: as `breathe`, but throws where the
   * activity must stop.
   */
  pause(): Promise<void>;
  /**
   * The no-progress rule: an attempt that starts more than five attempts after the checkpoint last moved is refused.
   * Attempts that failed because the store was away do not count.
   * @param unit what is worked on next, in words
   * @throws NoProgressError naming the stage, the place, the unit and the attempts
   */
  requireProgress(where: string, unit?: () => string): void;
}

/** What work needs of a pulse where it saves nothing in between: commands do such work too, outside of activities. */
export type Pauses = Pick<Pulse, 'pause'>;

/** What the heartbeats of running activities carry. */
const checkpoints = new WeakMap<Context, Checkpoint>();

/** The no-progress rule does not count the running attempt: it fails by no fault of the work. */
export function excuseAttempt(): void {
  const context = Context.current();
  const checkpoint = checkpoints.get(context);
  if (checkpoint !== undefined) context.heartbeat({ ...checkpoint, movedAtAttempt: context.info.attempt });
}

/** Longest part of an error's message that a heartbeat carries. */
const MOST_CHARACTERS = 300;

/** Leaves the error of the running attempt to the next one, for the message of the no-progress rule. */
export function noteError(error: unknown): void {
  const context = Context.current();
  const checkpoint = checkpoints.get(context);
  if (checkpoint === undefined || error instanceof TemporalFailure) return;
  const message = (error instanceof Error ? error.message : String(error)).slice(0, MOST_CHARACTERS);
  context.heartbeat({ ...checkpoint, lastError: { attempt: context.info.attempt, message } });
}

/** Words of errors that tell of too little memory. */
const OUT_OF_MEMORY =
  /out of memory|memory access out of bounds|ENOMEM|bad_alloc|allocation failed|OOM|RESOURCE_EXHAUSTED/i;

const MORE_MEMORY = 'lower gradients.token_budget, or give the compute process more memory';

/** The last error first where there was one; memory only where it was memory, or the process just ended. */
function noProgress(
  { stage, doneCount, totalCount, movedAtAttempt, lastError }: Checkpoint,
  where: string,
  attempt: number,
  unit: string,
): NoProgressError {
  const rule =
    `${where} must get further within ${STUCK_ATTEMPTS} attempts, got none since attempt ${movedAtAttempt} ` +
    `at ${doneCount} of ${totalCount}${unit}`;
  if (lastError === undefined || lastError.attempt < attempt - 1)
    return new NoProgressError(
      `${stage}: ${rule}; a process that is killed each time is often out of memory: ${MORE_MEMORY}`,
    );
  const advice = OUT_OF_MEMORY.test(lastError.message) ? `; ${MORE_MEMORY}` : '';
  return new NoProgressError(`${stage}: ${lastError.message}; ${rule}${advice}`);
}

/**
 * Starts the heartbeat of the running activity and applies the no-progress rule.
 * @param pace of the process at such work; without it the activity's own
 * @throws NoProgressError naming the stage, the place and the attempts
 */
export function startPulse(stage: Stage, where: string, pace?: Pace): Pulse {
  const pulse = openPulse(stage, pace);
  pulse.requireProgress(where);
  return pulse;
}

/**
 * Starts the heartbeat of the running activity. The caller applies the no-progress rule once it knows what comes next.
 */
export function openPulse(stage: Stage, pace = new Pace()): Pulse {
  const context = Context.current();
  const previous = context.info.heartbeatDetails as Checkpoint | undefined;
  const { attempt } = context.info;
  let checkpoint: Checkpoint = previous ?? { stage, doneCount: 0, totalCount: 0, movedAtAttempt: 1 };
  // A new attempt's own first heartbeat replaces the details of the last one: send them again before anything slow.
  const beat = (): void => {
    const rowsPerSecond = pace.perSecond(performance.now());
    if (rowsPerSecond !== null) checkpoint = { ...checkpoint, rowsPerSecond: Number(rowsPerSecond.toPrecision(4)) };
    checkpoints.set(context, checkpoint);
    context.heartbeat(checkpoint);
  };
  beat();
  let committedAt = performance.now();
  const breathe = async (): Promise<void> => {
    beat();
    setCheckpointAge(stage, (performance.now() - committedAt) / 1000);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const pause = async (): Promise<void> => {
    await breathe();
    if (context.cancellationSignal.aborted) throw stopReason(context);
  };
  return {
    breathe,
    mustStop: () => context.cancellationSignal.aborted,
    pause,
    requireProgress: (where, unit = () => '') => {
      if (attempt - checkpoint.movedAtAttempt <= STUCK_ATTEMPTS) return;
      throw noProgress({ ...checkpoint, stage }, where, attempt, unit());
    },
    worked: (rowCount) => pace.add(rowCount, performance.now()),
    committed: async (doneCount, totalCount, training) => {
      // An attempt that starts over counts up again: only what no attempt had reached before is progress.
      const moved = doneCount > checkpoint.doneCount;
      checkpoint = {
        ...checkpoint,
        stage,
        doneCount: Math.max(doneCount, checkpoint.doneCount),
        totalCount,
        movedAtAttempt: moved ? attempt : checkpoint.movedAtAttempt,
        ...(training && { training }),
      };
      // The age that the last checkpoint had reached stays on show until the next heartbeat.
      await pause();
      committedAt = performance.now();
    },
  };
}

/** How often work that cannot be asked is seen to be alive. */
const BEAT_MS = 500;

/** Lets heartbeats and cancellation through while `work` goes on elsewhere; a cancelled activity leaves it behind. */
export async function keepBeating<Result>(pulse: Pulse, work: Promise<Result>): Promise<Result> {
  // Its failure is met where it is awaited below.
  const done = work.then(
    () => true,
    () => true,
  );
  while (!(await Promise.race([done, sleep(BEAT_MS, false)]))) await pulse.pause();
  return work;
}

/**
 * A drain is a retryable, benign failure: the worker waits for pending heartbeats only when an activity fails, so the
 * last checkpoint arrives. Everything else is rethrown as the SDK gave it.
 */
function stopReason(context: Context): Error {
  if (context.cancellationDetails?.workerShutdown === true) {
    return ApplicationFailure.create({
      type: WORKER_DRAINING,
      message: 'stopped at a checkpoint',
      category: 'BENIGN',
      nextRetryDelay: '1s',
    });
  }
  return context.cancellationSignal.reason as Error;
}
