import { afterEach, describe, expect, test, vi } from 'vitest';
import { DeadlineError, withDeadline } from '../../algorithms/deadline.ts';

describe('code under a deadline', () => {
  test('gives what it gives, and throws what it throws', () => {
    expect(withDeadline(1000, () => [1, 2])).toEqual([1, 2]);
    const thrown = new RangeError('mine');
    expect(() =>
      withDeadline(1000, () => {
        throw thrown;
      }),
    ).toThrow(thrown);
  });

  test('may run more of it inside, and afterwards', () => {
    const inner = (): number => withDeadline(1000, () => 2) + withDeadline(1000, () => 3);
    expect(withDeadline(1000, inner)).toBe(5);
    expect(withDeadline(1000, () => 'again')).toBe('again');
  });

  describe('of a process that waits for others', () => {
    afterEach(() => void vi.restoreAllMocks());
    /** Time of the processor that every window has. Asked for twice a window. */
    const use = (ms: number) =>
      vi.spyOn(process, 'cpuUsage').mockImplementation((before) => ({ user: before ? ms * 1000 : 0, system: 0 }));
    const never = (): void => {
      for (;;);
    };

    test('is begun anew with more time', () => {
      use(5);
      let begun = 0;
      const late = (): string => {
        begun += 1;
        while (begun < 3);
        return 'done';
      };
      expect(withDeadline(20, late)).toBe('done');
      expect(begun).toBe(3);
    });

    test('is stopped once it had half of the limit', () => {
      const asked = use(10);
      expect(() => withDeadline(20, never)).toThrow(new DeadlineError('must end within 0.02 s'));
      expect(asked).toHaveBeenCalledTimes(2);
    });

    test('is stopped after eight windows whatever it had', () => {
      const asked = use(0);
      expect(() => withDeadline(1, never)).toThrow(DeadlineError);
      expect(asked).toHaveBeenCalledTimes(16);
    });
  });

  test.each<[string, () => unknown]>([
    [
      'loops',
      () => {
        for (;;);
      },
    ],
    ['backtracks without end', () => /([a-z0-9_.]+)+!/.test('a'.repeat(80))],
    [
      'catches whatever is thrown',
      () => {
        for (;;) {
          try {
            for (;;);
          } catch {
            continue;
          }
        }
      },
    ],
  ])('that %s is stopped', (_, run) => {
    expect(() => withDeadline(50, run)).toThrow(new DeadlineError('must end within 0.05 s'));
    expect(withDeadline(1000, () => 'still here')).toBe('still here');
  });
});
