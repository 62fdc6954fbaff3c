import { describe, expect, test } from 'vitest';
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
