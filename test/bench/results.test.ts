// The measurement of all selectors: what is left to measure, what is kept of it, and what is said of a default.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { studentTQuantile, studentTTail } from '../../algorithms/student-t.ts';
import { trajectorySettings } from '../../bench/results/measure.ts';
import { resultsPage } from '../../bench/results/results-page.ts';
import { overallDifference } from '../../bench/results/over-settings.ts';
import { chooseRobust, differencesOf } from '../../bench/results/robust-choice.ts';
import { missingBatches, readScores, writeScores } from '../../bench/results/scores.ts';
import type { Score } from '../../bench/results/scores.ts';
import { COMPARED, CONDITIONS, SETTINGS } from '../../bench/results/settings.ts';
import type { Condition, DatasetName } from '../../bench/results/settings.ts';
import { loadPreset } from '../../client/recipe/recipe.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-results-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CLEAN = { dataset: 'demo', base: 'first', condition: 'clean' } as const;
const SEEDS = [0, 1, 2, 3, 4, 5, 6, 7];

/** Scores of the balanced choice that wander, and of a method that is `gain` above it by the setting, give or take. */
function scoresWith(gain: (dataset: DatasetName, condition: Condition) => number): Score[] {
  return SETTINGS.filter(({ base }) => base === 'first').flatMap(({ dataset, condition }) =>
    SEEDS.flatMap((seed): Score[] => {
      const control = 0.6 + 0.01 * Math.sin(seed);
      const wobble = 0.001 * Math.cos(3 * seed);
      const setting = { dataset, base: 'first' as const, condition, seed };
      return [
        { ...setting, method: 'task_balanced', accuracy: control },
        { ...setting, method: 'deduplicated', accuracy: control + gain(dataset, condition) + wobble },
        { ...setting, method: 'random', accuracy: control - 0.1 + wobble },
      ];
    }),
  );
}

describe('what is left to measure', () => {
  const scores = [0, 1, 2].flatMap((seed): Score[] => [
    { ...CLEAN, seed, method: 'tive', accuracy: 0.5 },
    ...(seed === 1 ? [{ ...CLEAN, seed, method: 'random' as const, accuracy: 0.4 }] : []),
  ]);

  test('is a batch for each run of seeds that lack the same methods', () => {
    expect(missingBatches(scores, 5, ['tive', 'random'])).toEqual([
      { firstSeed: 0, seedCount: 1, methods: ['random'] },
      { firstSeed: 2, seedCount: 1, methods: ['random'] },
      { firstSeed: 3, seedCount: 2, methods: ['tive', 'random'] },
    ]);
  });

  test('is nothing once all is there', () => {
    expect(missingBatches(scores, 3, ['tive'])).toEqual([]);
  });
});

test('every method that is compared is one that the recipe takes, with the checkpoints that it asks for', () => {
  const load = (...settings: string[]) =>
    loadPreset('demo', { overrides: [`benchmark.methods=[${COMPARED.join(', ')}]`, ...settings] });
  expect(load(...trajectorySettings(COMPARED)).config.benchmark.methods).toEqual(COMPARED);
  expect(() => load()).toThrow('trajectories needs warmup.trajectory');
  expect(trajectorySettings(['tive', 'random'])).toEqual([]);
});

describe('the file of scores', () => {
  test('gives back what was written, sorted, each training once with its last score', () => {
    const path = join(folder, 'scores.csv');
    const first: Score = { ...CLEAN, seed: 1, method: 'random', accuracy: 0.4 };
    const second: Score = { ...CLEAN, condition: 'label_noise', seed: 0, method: 'tive', accuracy: 1 / 3 };
    writeScores(path, [second, first, { ...first, accuracy: 0.41 }, { ...first, method: 'tive' }]);
    expect(readFileSync(path, 'utf8')).toBe(
      'dataset,base,condition,seed,method,accuracy\n' +
        'demo,first,clean,1,tive,0.4\ndemo,first,clean,1,random,0.41\n' +
        'demo,first,label_noise,0,tive,0.3333333333333333\n',
    );
    expect(readScores(path)).toEqual([{ ...first, method: 'tive' }, { ...first, accuracy: 0.41 }, second]);
  });

  test('is refused where a line is none', () => {
    const path = join(folder, 'bad.csv');
    writeFileSync(path, 'dataset,base,condition,seed,method,accuracy\ndemo,first,clean,0,luck,0.5\n');
    expect(() => readScores(path)).toThrow('lines must be dataset,base,condition,seed,method,accuracy, got "demo');
  });
});

describe('a safe default', () => {
  test('is confirmed where it is better in the conditions that it was not chosen by', () => {
    const choice = chooseRobust(
      scoresWith(() => 0.02),
      ['task_balanced', 'random', 'deduplicated'],
    )!;
    expect(choice.ranked.map(({ method }) => method)).toEqual(['deduplicated', 'random']);
    expect(choice).toMatchObject({ method: 'deduplicated', holds: true });
    // Half of the demo's conditions with half of the seeds, all of the second dataset with all.
    expect(choice.confirmed).toHaveLength(CONDITIONS.length / 2 + CONDITIONS.length);
  });

  test('is not confirmed where the second dataset shows no gain, or one condition a loss', () => {
    const own = (gain: Parameters<typeof scoresWith>[0]) => chooseRobust(scoresWith(gain), ['deduplicated'])!;
    expect(own((dataset) => (dataset === 'demo' ? 0.02 : 0)).holds).toBe(false);
    expect(own((_, condition) => (condition === 'tiny_task' ? -0.01 : 0.02)).holds).toBe(false);
  });

  test('is not chosen by seeds or conditions that confirm it', () => {
    const even = scoresWith(() => 0.02).filter(({ seed, dataset }) => dataset === 'shapes' || seed % 2 === 1);
    expect(chooseRobust(even, ['deduplicated'])).toBeNull();
  });

  test('needs pairs: a seed without the balanced choice counts nowhere', () => {
    const alone = scoresWith(() => 0.02).filter(({ method, seed }) => method !== 'task_balanced' || seed === 0);
    expect(differencesOf(alone, 'deduplicated')).toEqual([]);
  });
});

test('the page has a table for each setting, the best method first, and says what may be claimed', () => {
  const page = resultsPage(
    scoresWith(() => 0.02),
    ['task_balanced', 'random', 'deduplicated'],
  );
  expect(page).toContain('## demo/first/near_copies\n');
  const [, table] = page.split('## demo/first/clean\n\n');
  expect(
    table!
      .split('\n')
      .slice(2, 5)
      .map((line) => line.split('|')[1]!.trim()),
  ).toEqual(['`deduplicated`', '`task_balanced`', '`random`']);
  expect(page).toMatch(/\| `deduplicated` \| 8 \| 6\d\.\d % ± \d\.\d \| \+2\.0 \| \+1\.9 to \+2\.1 \| < 0\.001 \|/);
  for (const group of ['all', 'demo', 'shapes']) expect(page).toContain(`| ${group} | \`deduplicated\` | `);
  expect(page).toContain('The claim holds: `deduplicated` is better than the balanced choice.');
});

test('each method stands over the seeds that it and the balanced choice have', () => {
  const all = scoresWith(() => 0.02).filter(({ method, seed }) => method !== 'random' || seed < 3);
  const [, table] = resultsPage(all, ['task_balanced', 'random', 'deduplicated']).split('## demo/first/clean\n\n');
  const seeds = table!.split('\n').slice(2, 5);
  expect(seeds.map((line) => line.split('|').slice(1, 3).join('').trim())).toEqual([
    '`deduplicated`  8',
    '`task_balanced`  8',
    '`random`  3',
  ]);
});

describe('a difference over settings', () => {
  test('counts each setting once, with the degrees of freedom of the settings together', () => {
    const gains: [Score['condition'], number[]][] = [
      ['clean', [0.01, 0.03]],
      ['tiny_task', [0.02, 0.04, 0.06, 0.08]],
    ];
    const scores = gains.flatMap(([condition, own]) =>
      own.flatMap((gain, seed): Score[] => [
        { ...CLEAN, condition, seed, method: 'task_balanced', accuracy: 0.5 },
        { ...CLEAN, condition, seed, method: 'guarded', accuracy: 0.5 + gain },
      ]),
    );
    const found = overallDifference(scores, 'guarded')!;
    expect(found).toMatchObject({ settingCount: 2, pairCount: 6 });
    // Means 0.02 and 0.05; variances of the means 0.0002 / 2 and 0.002 / 3 / 4.
    expect(found.mean).toBeCloseTo(0.035, 12);
    const [one, two] = [0.0002 / 2, 0.002 / 3 / 4];
    const freedom = (one + two) ** 2 / (one ** 2 / 1 + two ** 2 / 3);
    const margin = (studentTQuantile(freedom, 0.95) * Math.sqrt(one + two)) / 2;
    expect(found.interval[0]).toBeCloseTo(0.035 - margin, 12);
    expect(found.interval[1]).toBeCloseTo(0.035 + margin, 12);
    expect(found.pValue).toBeCloseTo(studentTTail((0.035 * 2) / Math.sqrt(one + two), freedom), 12);
    expect(overallDifference(scores, 'tive')).toBeNull();
  });

  test('has no interval but its mean where nothing varies', () => {
    const gain = (accuracy: number): Score[] =>
      [0, 1].flatMap((seed) => [
        { ...CLEAN, seed, method: 'task_balanced', accuracy: 0.5 },
        { ...CLEAN, seed, method: 'guarded', accuracy },
      ]);
    expect(overallDifference(gain(0.75), 'guarded')).toMatchObject({ mean: 0.25, interval: [0.25, 0.25], pValue: 0 });
    expect(overallDifference(gain(0.5), 'guarded')).toMatchObject({ mean: 0, pValue: 1 });
  });
});
