import { describe, expect, test } from 'vitest';
import { Pace } from '../../../activities/shared/pace.ts';

/** A pace that has seen rows at times, in seconds. */
function paceOf(...seen: [second: number, rowCount: number][]): Pace {
  const pace = new Pace();
  for (const [second, rowCount] of seen) pace.add(rowCount, 1000 * second);
  return pace;
}

const at = (pace: Pace, second: number): number | null => pace.perSecond(1000 * second);

describe('a pace', () => {
  test('is not known of no rows, of one batch, and of less than five seconds', () => {
    expect(at(paceOf(), 5)).toBeNull();
    expect(at(paceOf([1, 10]), 60)).toBeNull();
    expect(at(paceOf([1, 10], [5, 10]), 60)).toBeNull();
  });

  test('begins with the first rows: what came before them is not in it', () => {
    expect(at(paceOf([100, 64], [104, 8], [108, 8]), 108)).toBe(2);
  });

  test('is of the last minute', () => {
    const slow = Array.from({ length: 20 }, (_, index): [number, number] => [10 * index, 10]);
    const fast = Array.from({ length: 80 }, (_, index): [number, number] => [200 + index, 50]);
    expect(at(paceOf(...slow), 190)).toBe(1);
    expect(at(paceOf(...slow, ...fast), 279)).toBe(50);
  });

  test('of batches that take longer than that is of the last two', () => {
    expect(at(paceOf([0, 10], [100, 10], [300, 10]), 300)).toBe(10 / 200);
  });

  test('falls while nothing comes', () => {
    const pace = paceOf([0, 10], [10, 100]);
    expect([at(pace, 10), at(pace, 20), at(pace, 100)]).toEqual([10, 5, 1]);
  });

  test('stands still while the process does something else, and goes on where it was', () => {
    const pace = paceOf([0, 10], [10, 20]);
    pace.leave();
    expect(at(pace, 900)).toBe(2);
    pace.add(64, 1_000_000);
    expect(at(pace, 1000)).toBe(2);
    pace.add(80, 1_010_000);
    expect(at(pace, 1010)).toBe(5);
  });

  test('has a short time between two pieces of work in it, and none for long not', () => {
    const pace = paceOf([0, 10], [10, 20]);
    pace.begin(20_000);
    expect(at(pace, 20)).toBe(1);
    pace.begin(600_000);
    expect(at(pace, 600)).toBe(2);
  });
});
