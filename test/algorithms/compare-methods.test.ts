import { describe, expect, test } from 'vitest';
import { compareMethods } from '../../algorithms/compare-methods.ts';
import type { SeedScore } from '../../algorithms/compare-methods.ts';
import type { SelectionMethod } from '../../contracts/config.ts';

/** Scores of one task, in test rows right of 1,000. */
const scoresOf = (method: SelectionMethod, correct: readonly number[]): SeedScore[] =>
  correct.map((correctCount, seed) => ({
    seed,
    method,
    rowCount: 100,
    stepCount: 30,
    effectiveShare: method === 'tive' ? 0.9 + 0.01 * seed : null,
    stress: null,
    macroAccuracy: correctCount / 1000,
    meanLoss: 1,
    tasks: [
      { task: 'name', rowCount: 1000, correctCount },
      { task: 'never', rowCount: 1000, correctCount: 0 },
    ],
  }));

/** Five seeds of the bundled data as a prototype scored them: 57.8 against 61.2. */
const BALANCED = scoresOf('task_balanced', [634, 594, 610, 618, 605]);
const TIVE = scoresOf('tive', [593, 570, 536, 596, 592]);
const RANDOM = scoresOf('random', [540, 551, 538, 560, 529]);

describe('methods over seeds', () => {
  const compared = compareMethods([...TIVE, ...RANDOM, ...BALANCED], null);
  const [tive, random, balanced] = compared;

  test('have mean, sample deviation and scores by seed', () => {
    expect(compared.map(({ method }) => method)).toEqual(['tive', 'random', 'task_balanced']);
    expect(tive!.accuracy.scores).toEqual([0.593, 0.57, 0.536, 0.596, 0.592]);
    expect(tive!.accuracy.mean).toBeCloseTo(0.5774, 12);
    // √(Σ(x − 0.5774)² / 4)
    expect(tive!.accuracy.deviation).toBeCloseTo(0.0253535, 6);
    expect(tive!.effectiveShare).toBe(0.9);
  });

  test('differ from the strongest random choice, seed by seed', () => {
    expect(balanced!.difference).toBeNull();
    const { mean, interval, winCount } = tive!.difference!;
    // d = −4.1, −2.4, −7.4, −2.2, −1.3: −3.48 ± 2.776 · 2.41392 / √5.
    expect(mean).toBeCloseTo(-0.0348, 12);
    expect(interval![0]).toBeCloseTo(-0.0647726, 6);
    expect(interval![1]).toBeCloseTo(-0.0048274, 6);
    expect(winCount).toBe(0);
  });

  test('are adjusted for being two', () => {
    const [first, second] = [tive!.difference!, random!.difference!];
    expect(first.pValue).toBeCloseTo(0.03214, 4);
    expect(first.adjustedP).toBe(first.pValue);
    expect(second.adjustedP).toBeCloseTo(2 * second.pValue!, 12);
    expect(first.signedRankP).toBe(2 / 32);
  });

  test('have a bootstrap interval inside the extremes, the same each time', () => {
    const { bootstrap } = tive!.difference!;
    expect(bootstrap![0]).toBeGreaterThan(-0.074);
    expect(bootstrap![1]).toBeLessThan(-0.013);
    expect(compareMethods([...TIVE, ...RANDOM, ...BALANCED], null)[0]!.difference!.bootstrap).toEqual(bootstrap);
  });

  test('do not depend on the order of the scores', () => {
    const shuffled = [...BALANCED, ...TIVE.toReversed(), ...RANDOM.toReversed()];
    const again = compareMethods(shuffled, null);
    expect(again.find(({ method }) => method === 'tive')).toEqual(tive);
  });

  test('are compared task by task as well', () => {
    expect(tive!.tasks.map(({ task }) => task)).toEqual(['name', 'never']);
    expect(tive!.tasks[0]!.difference!.mean).toBeCloseTo(-0.0348, 12);
    expect(tive!.tasks[1]!.difference!.mean).toBe(0);
  });
});

describe('relative performance', () => {
  test('is the mean over tasks of score over full score; a task that nobody solves is no measure', () => {
    const full = new Map(
      [0, 1, 2, 3, 4].map((seed) => [
        seed,
        new Map([
          ['name', 0.8],
          ['never', 0],
        ]),
      ]),
    );
    const [tive] = compareMethods(TIVE, full);
    expect(tive!.relative!.scores[0]).toBeCloseTo(0.593 / 0.8, 12);
  });

  test('is not there where the full model solves nothing', () => {
    const full = new Map([0, 1, 2, 3, 4].map((seed) => [seed, new Map([['name', 0]])]));
    expect(compareMethods(TIVE, full)[0]!.relative).toBeNull();
  });
});

test('one seed has a difference and no interval', () => {
  const [tive] = compareMethods([TIVE[0]!, BALANCED[0]!], null);
  expect(tive!.accuracy.deviation).toBeNull();
  expect(tive!.difference).toMatchObject({ interval: null, bootstrap: null, pValue: null, adjustedP: null });
  expect(tive!.difference!.mean).toBeCloseTo(-0.041, 12);
});

test('methods without a random choice among them have no difference', () => {
  expect(compareMethods(TIVE, null)[0]!.difference).toBeNull();
});

test('a method that lacks a seed is refused by name', () => {
  expect(() => compareMethods([...TIVE, ...BALANCED.slice(1)], null)).toThrow(
    'task_balanced must have a score with each of 5 seeds, got 4',
  );
});
