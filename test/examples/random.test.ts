import { describe, expect, test } from 'vitest';
import { createRandom } from '../../examples/demo/named-random.ts';

const DRAW_COUNT = 20_000;

function draws(draw: () => number): { mean: number; variance: number; min: number; max: number } {
  const values = Array.from({ length: DRAW_COUNT }, draw);
  const mean = values.reduce((sum, value) => sum + value, 0) / DRAW_COUNT;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / DRAW_COUNT;
  return { mean, variance, min: Math.min(...values), max: Math.max(...values) };
}

describe('random streams', () => {
  test('uniform has mean 1/2 and variance 1/12 in [0, 1)', () => {
    const { mean, variance, min, max } = draws(createRandom('uniform').uniform);
    expect([mean, variance]).toBeAllclose([1 / 2, 1 / 12], { rtol: 0, atol: 0.01 }); // 5 standard errors of the mean
    expect(min).toBeGreaterThanOrEqual(0);
    expect(max).toBeLessThan(1);
  });

  test('normal has mean 0 and variance 1', () => {
    const { mean, variance } = draws(createRandom('normal').normal);
    expect([mean, variance]).toBeAllclose([0, 1], { rtol: 0, atol: 0.05 });
  });

  test('integer is even over a half-open range', () => {
    const random = createRandom('integer');
    const counts = new Array<number>(4).fill(0);
    for (let draw = 0; draw < DRAW_COUNT; draw += 1) counts[random.integer(-1, 3) + 1]! += 1;
    expect(counts).toBeAllclose(new Array(4).fill(DRAW_COUNT / 4), { rtol: 0.05, atol: 0 });
  });

  test('sample draws without replacement, each order equally likely', () => {
    const random = createRandom('sample');
    const counts = new Map<string, number>();
    for (let draw = 0; draw < DRAW_COUNT; draw += 1) {
      const order = random.sample(['a', 'b', 'c'], 2).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(['ab', 'ac', 'ba', 'bc', 'ca', 'cb']);
    expect([...counts.values()]).toBeAllclose(new Array(6).fill(DRAW_COUNT / 6), { rtol: 0.1, atol: 0 });
    expect(() => random.sample([1, 2], 3)).toThrow('count must be at most 2, got 3');
  });

  test('equal names give equal streams, other names other streams', () => {
    const first = (...name: (string | number)[]) => createRandom(...name).uniform();
    expect(first('a', 1)).toBe(first('a', 1));
    expect(new Set([first('a', 1), first('a', '1'), first('a1'), first('a', 2), first(1, 'a')]).size).toBe(5);
  });

  test('the streams are those that the shipped data were drawn from', () => {
    const random = createRandom('golden', 0); // numbers of this code on x64, Node 20
    expect([random.integer(0, 1_000_000), random.integer(0, 1_000_000)]).toEqual([409_283, 302_870]);
  });
});
