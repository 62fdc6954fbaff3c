import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { describe, expect, test, vi } from 'vitest';
import { excuseAttempt, noteError, openPulse, startPulse } from '../../../activities/shared/heartbeat.ts';
import type { Pulse } from '../../../activities/shared/heartbeat.ts';
import { Pace } from '../../../activities/shared/pace.ts';
import { NON_RETRYABLE_ERRORS, NoProgressError } from '../../../contracts/failures.ts';
import type { Checkpoint } from '../../../contracts/messages/run.ts';

/** An activity's surroundings, and the heartbeats that it has sent. */
function surroundings(info: { attempt?: number; heartbeatDetails?: Checkpoint } = {}): {
  environment: MockActivityEnvironment;
  sent: Checkpoint[];
} {
  const environment = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
  const sent: Checkpoint[] = [];
  environment.on('heartbeat', (details: Checkpoint) => void sent.push(details));
  return { environment, sent };
}

const checkpoint = (doneCount: number, totalCount: number, movedAtAttempt: number): Checkpoint => ({
  stage: 'gradients',
  doneCount,
  totalCount,
  movedAtAttempt,
});

const start = (): Pulse => startPulse('gradients', 'shard 1 of 2');

/** An activity of units: commits each, then tells the pulse. */
async function work(unitCount: number, commit: (unit: number) => void): Promise<void> {
  const pulse = start();
  for (let unit = 1; unit <= unitCount; unit += 1) {
    commit(unit);
    await pulse.committed(unit, unitCount);
  }
}

describe('heartbeats', () => {
  test('a first attempt tells at once where it is', async () => {
    const { environment, sent } = surroundings();
    await environment.run(async () => void start());
    expect(sent).toEqual([checkpoint(0, 0, 1)]);
  });

  test('a retry first sends again what it was given', async () => {
    const given = checkpoint(40, 100, 2);
    const { environment, sent } = surroundings({ attempt: 3, heartbeatDetails: given });
    await environment.run(async () => void start());
    expect(sent).toEqual([given]);
  });

  test('the last one is the last commit, and none comes before its commit', async () => {
    const { environment, sent } = surroundings({ attempt: 2 });
    const committed: number[] = [];
    await environment.run(work, 4, (unit: number) => {
      expect(sent.at(-1)?.doneCount).toBe(unit - 1);
      committed.push(unit);
    });
    expect(committed).toEqual([1, 2, 3, 4]);
    expect(sent.at(-1)).toEqual(checkpoint(4, 4, 2));
  });

  test('between checkpoints, each carries the last one: one without details would erase it', async () => {
    const { environment, sent } = surroundings();
    await environment.run(async () => {
      const pulse = start();
      await pulse.committed(3, 9);
      await pulse.breathe();
      await pulse.pause();
      expect(pulse.mustStop()).toBe(false);
    });
    expect(sent).toEqual([checkpoint(0, 0, 1), ...Array.from({ length: 3 }, () => checkpoint(3, 9, 1))]);
  });
});

describe('the pace', () => {
  test('is in the heartbeats once it is known, and goes on in the next activity of the process', async () => {
    const pace = new Pace();
    const clock = vi.spyOn(performance, 'now').mockReturnValue(1000);
    const { environment, sent } = surroundings();
    await environment.run(async () => {
      const pulse = startPulse('gradients', 'shard 1 of 2', pace);
      for (const nowMs of [1000, 4000, 6000]) {
        clock.mockReturnValue(nowMs);
        pulse.worked(10);
        await pulse.breathe();
      }
    });
    expect(sent.map(({ rowsPerSecond }) => rowsPerSecond)).toEqual([undefined, undefined, undefined, 4]);
    const next = surroundings();
    clock.mockReturnValue(9000);
    await next.environment.run(async () => void startPulse('gradients', 'shard 2 of 2', pace));
    expect(next.sent).toEqual([{ ...checkpoint(0, 0, 1), rowsPerSecond: 2.5 }]);
    clock.mockRestore();
  });
});

describe('stopping', () => {
  const stopped = async (
    reason: 'WORKER_SHUTDOWN' | 'CANCELLED' | 'PAUSED' | 'RESET' | 'TIMED_OUT' | 'NOT_FOUND',
    details: ConstructorParameters<typeof ActivityCancellationDetails>[0],
    activity: (pulse: Pulse, stop: () => void) => Promise<void>,
  ): Promise<{ error: unknown; sent: Checkpoint[] }> => {
    const { environment, sent } = surroundings();
    const stop = (): void => environment.cancel(reason, new ActivityCancellationDetails(details));
    const error = await environment.run(() => activity(start(), stop)).catch((thrown: unknown) => thrown);
    return { error, sent };
  };

  test('a drain fails the attempt, retryably and benignly, after the commit', async () => {
    const { error, sent } = await stopped('WORKER_SHUTDOWN', { workerShutdown: true }, async (pulse, stop) => {
      await pulse.committed(1, 5);
      stop();
      await pulse.breathe();
      expect(pulse.mustStop()).toBe(true);
      await pulse.committed(2, 5);
    });
    expect(error).toBeInstanceOf(ApplicationFailure);
    expect(error).toMatchObject({ type: 'WorkerDraining', category: 'BENIGN', nextRetryDelay: '1s' });
    expect((error as ApplicationFailure).nonRetryable).not.toBe(true);
    expect(NON_RETRYABLE_ERRORS).not.toContain((error as ApplicationFailure).type);
    expect(sent.at(-1)).toEqual(checkpoint(2, 5, 1));
  });

  test.each([
    ['a cancelled run', 'CANCELLED', { cancelRequested: true }],
    ['a paused activity', 'PAUSED', { paused: true }],
    ['a reset activity', 'RESET', { reset: true }],
  ] as const)('%s commits, then rethrows what the SDK gave', async (_, reason, details) => {
    const { error, sent } = await stopped(reason, details, async (pulse, stop) => {
      stop();
      await pulse.breathe();
      await pulse.committed(1, 5);
    });
    expect(error).toBeInstanceOf(CancelledFailure);
    expect((error as CancelledFailure).message).toBe(reason);
    expect(sent.at(-1)).toEqual(checkpoint(1, 5, 1));
  });

  test.each([
    ['that timed out', 'TIMED_OUT', { timedOut: true, notFound: true }],
    ['whose workflow is gone', 'NOT_FOUND', { notFound: true }],
  ] as const)('an activity %s stops at its next pause, without another commit', async (_, reason, details) => {
    let commitCount = 0;
    const { error, sent } = await stopped(reason, details, async (pulse, stop) => {
      for (let unit = 1; unit <= 5; unit += 1) {
        await pulse.pause();
        commitCount += 1;
        await pulse.committed(unit, 5);
        if (unit === 2) stop();
      }
    });
    expect(error).toBeInstanceOf(CancelledFailure);
    expect(commitCount).toBe(2);
    expect(sent.at(-1)).toEqual(checkpoint(2, 5, 1));
  });

  test('a request that arrives while the thread computes is seen at the next commit', async () => {
    const { error } = await stopped('CANCELLED', { cancelRequested: true }, async (pulse, stop) => {
      setImmediate(stop);
      expect(pulse.mustStop()).toBe(false);
      await pulse.committed(1, 5);
      throw new Error('goes on');
    });
    expect(error).toBeInstanceOf(CancelledFailure);
  });
});

describe('the no-progress rule', () => {
  test.each([
    // attempt, moved at → refused
    [6, 1, false],
    [7, 1, true],
    [12, 7, false],
    [13, 7, true],
  ])('attempt %i of work that last moved at %i is refused: %s', async (attempt, movedAtAttempt, refused) => {
    const given = checkpoint(40, 100, movedAtAttempt);
    const { environment, sent } = surroundings({ attempt, heartbeatDetails: given });
    const error = await environment.run(async () => void start()).catch((thrown: unknown) => thrown);
    if (refused) {
      expect(error).toBeInstanceOf(NoProgressError);
      expect((error as Error).message).toBe(
        `gradients: shard 1 of 2 must get further within 5 attempts, got none since attempt ${movedAtAttempt} at 40 of 100; ` +
          'a process that is killed each time is often out of memory: lower gradients.token_budget, or give the compute process more memory',
      );
    } else expect(error).toBeUndefined();
    expect(sent).toEqual([given]);
  });

  test.each([
    ['EISDIR: illegal operation on a directory, read', ''],
    ['Array buffer allocation failed', '; lower gradients.token_budget, or give the compute process more memory'],
  ])('says first how the last attempt failed: %s', async (message, advice) => {
    const given = { ...checkpoint(40, 100, 1), lastError: { attempt: 6, message } };
    const { environment } = surroundings({ attempt: 7, heartbeatDetails: given });
    const error = await environment.run(async () => void start()).catch((thrown: unknown) => thrown);
    expect((error as Error).message).toBe(
      `gradients: ${message}; shard 1 of 2 must get further within 5 attempts, got none since attempt 1 at 40 of 100${advice}`,
    );
  });

  test('takes an attempt whose process died for one that lacked memory, whatever error came before', async () => {
    const given = { ...checkpoint(40, 100, 1), lastError: { attempt: 3, message: 'EISDIR' } };
    const { environment } = surroundings({ attempt: 7, heartbeatDetails: given });
    await expect(environment.run(async () => void start())).rejects.toThrow('often out of memory');
  });

  test('an attempt leaves its error to the next one, a cancelled one does not', async () => {
    const { environment, sent } = surroundings({ attempt: 3, heartbeatDetails: checkpoint(40, 100, 1) });
    await environment.run(async () => {
      start();
      noteError(new Error('x'.repeat(1000)));
      noteError(new CancelledFailure('cancelled'));
    });
    const lastError = { attempt: 3, message: 'x'.repeat(300) };
    expect(sent).toEqual([checkpoint(40, 100, 1), { ...checkpoint(40, 100, 1), lastError }]);
  });

  test('names the unit that comes next where it is known', async () => {
    const { environment } = surroundings({ attempt: 7, heartbeatDetails: checkpoint(40, 100, 1) });
    const run = environment.run(async () => openPulse('gradients').requireProgress('shard 1 of 2', () => ' (unit 5)'));
    await expect(run).rejects.toThrow('got none since attempt 1 at 40 of 100 (unit 5); a process that is killed');
  });

  test('an excused attempt does not count', async () => {
    const { environment, sent } = surroundings({ attempt: 6, heartbeatDetails: checkpoint(40, 100, 1) });
    await environment.run(async () => {
      start();
      excuseAttempt();
    });
    expect(sent).toEqual([checkpoint(40, 100, 1), checkpoint(40, 100, 6)]);
  });

  test('its error is one that Temporal does not retry, by name', () => {
    expect(NON_RETRYABLE_ERRORS).toContain(new NoProgressError('stuck').constructor.name);
  });

  /** Attempts of which each is killed after so many units; details travel as the server carries them. */
  async function attemptsUntilRefused(doneCounts: number[], totalCount: number): Promise<number> {
    let last: Checkpoint | undefined;
    for (const [index, unitCount] of doneCounts.entries()) {
      const { environment, sent } = surroundings({
        attempt: index + 1,
        ...(last === undefined ? {} : { heartbeatDetails: last }),
      });
      const run = environment.run(async () => {
        const pulse = start();
        for (let unit = 1; unit <= unitCount; unit += 1) await pulse.committed(unit, totalCount);
      });
      const refused = await run.then(
        () => false,
        (error: unknown) => error instanceof NoProgressError,
      );
      if (refused) return index + 1;
      last = sent.at(-1);
    }
    return Infinity;
  }

  test('ends work that starts over each time and dies at the same place', async () => {
    const deaths = Array.from({ length: 20 }, () => 5);
    expect(await attemptsUntilRefused(deaths, 9)).toBe(7);
    expect(await attemptsUntilRefused(deaths, 0)).toBe(7);
    expect(await attemptsUntilRefused(deaths.fill(0), 9)).toBe(7);
  });

  test('lets work go on that starts over and gets further once in five attempts', async () => {
    const deaths = Array.from({ length: 40 }, (_, index) => 1 + Math.floor(index / 5));
    expect(await attemptsUntilRefused(deaths, 9)).toBe(Infinity);
  });

  test('a drained attempt that got further counts as progress', async () => {
    const { environment, sent } = surroundings({ attempt: 4, heartbeatDetails: checkpoint(10, 20, 1) });
    environment.on('heartbeat', ({ doneCount }: Checkpoint) => {
      if (doneCount === 12)
        environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
    });
    await expect(environment.run(work, 20, () => undefined)).rejects.toMatchObject({ type: 'WorkerDraining' });
    expect(sent.at(-1)).toEqual(checkpoint(12, 20, 4));
  });
});
