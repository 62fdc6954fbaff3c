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
    const use = (ms: number): void => {
      vi.spyOn(process, 'cpuUsage').mockImplementation((before) => ({ user: before ? ms * 1000 : 0, system: 0 }));
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
      use(10);
      let begun = 0;
      const never = (): void => {
        begun += 1;
        for (;;);
      };
      expect(() => withDeadline(20, never)).toThrow(new DeadlineError('must end within 0.02 s'));
      expect(begun).toBe(1);
    });

    test('is stopped after eight windows whatever it had', () => {
      use(0);
      let begun = 0;
      const never = (): void => {
        begun += 1;
        for (;;);
      };
      expect(() => withDeadline(1, never)).toThrow(DeadlineError);
      expect(begun).toBe(8);
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
