import { msToNumber } from '@temporalio/common/lib/time.js';
import type { ActivityOptions } from '@temporalio/workflow';
import { describe, expect, test } from 'vitest';
import { NON_RETRYABLE_ERRORS } from '../../contracts/failures.ts';
import { computeOptions, controlOptions } from '../../workflows/activity-options.ts';

const HOUR_MS = 3_600_000;

describe('durations', () => {
  test('that mean nothing do not compile, and are refused at run time', () => {
    // Compiles without the `paths` entry of `ms` in tsconfig.json: `Duration` is then `any`.
    const options: ActivityOptions = {
      // @ts-expect-error: not a duration
      startToCloseTimeout: 'nonsense',
    };
    expect(() => msToNumber(options.startToCloseTimeout!)).toThrow(TypeError);
  });

  test('that mean something compile', () => {
    const options: ActivityOptions = { startToCloseTimeout: '12 hours', heartbeatTimeout: 2000 };
    expect(msToNumber(options.startToCloseTimeout!)).toBe(12 * HOUR_MS);
    expect(msToNumber(options.heartbeatTimeout!)).toBe(2000);
  });
});

describe('activity options', () => {
  test.each([
    ['compute', computeOptions(120_000), 'tive-compute', 12],
    ['control', controlOptions(120_000), 'tive-control', 2],
  ] as const)('of %s have a queue, a heartbeat and an end', (_, options, taskQueue, hours) => {
    expect(options.taskQueue).toBe(taskQueue);
    expect(msToNumber(options.heartbeatTimeout!)).toBe(120_000);
    expect(msToNumber(options.startToCloseTimeout!)).toBe(hours * HOUR_MS);
    expect(msToNumber(options.scheduleToCloseTimeout!)).toBe(7 * 24 * HOUR_MS);
  });

  test.each([computeOptions(1000), controlOptions(1000)])(
    'let activities stop at a checkpoint and drain freely',
    (options) => {
      expect(options.cancellationType).toBe('WAIT_CANCELLATION_COMPLETED');
      // Drains consume attempts, and a queue may be long: neither ends an activity.
      expect(options.retry).not.toHaveProperty('maximumAttempts');
      expect(options).not.toHaveProperty('scheduleToStartTimeout');
      expect(options.retry?.nonRetryableErrorTypes).toEqual([...NON_RETRYABLE_ERRORS]);
    },
  );
});
