// One measurement: a dataset under its condition, and the benchmark of it by the command line.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import type { BenchmarkSummary } from '../../contracts/benchmark-summary.ts';
import type { SelectionMethod } from '../../contracts/config.ts';
import { leastTrajectory } from '../../contracts/methods.ts';
import { packageFolder } from '../package-folder.ts';
import type { Batch, Score } from './scores.ts';
import { settingName } from './settings.ts';
import type { BaseName, Setting } from './settings.ts';

/** Where measurements keep what they can go on from, and how much of the machine they take. */
export interface MeasureOptions {
  work: string;
  processCount: number | null;
}

const TRAJECTORY = 4;

const MODELS: Readonly<Record<BaseName, string>> = { first: 'examples/demo/model', second: 'examples/demo/model-2' };

/**
 * Measures a batch of a setting. Killed, it goes on where it stood when it is called again.
 * @throws Error where a command fails
 */
export function measure(setting: Setting, { firstSeed, seedCount, methods }: Batch, options: MeasureOptions): Score[] {
  const recipe = recipeOf(setting, options.work);
  const name = `${setting.base}-${firstSeed}-${seedCount}-${methods.length}`;
  const folder = join(options.work, setting.dataset, setting.condition);
  const settings = [
    `run.name=${name}`,
    `run.seed=${firstSeed}`,
    `model.path=${join(packageFolder(), MODELS[setting.base])}`,
    'evaluation.compare=[]',
    ...trajectorySettings(methods),
    // A stressed recipe names the folder of the one that it was made of.
    `run.output_dir=${resolve(folder, 'runs')}`,
    `store.uri=${resolve(folder, 'store')}`,
  ];
  const seeds = ['--methods', methods.join(','), '--seeds', String(seedCount)];
  const processes = options.processCount === null ? [] : ['--processes', String(options.processCount)];
  tive(folder, ['benchmark', recipe, ...settings, ...seeds, ...processes]);
  const file = join(folder, 'runs', `${name}-benchmark`, 'benchmark.json');
  const { tables } = JSON.parse(readFileSync(file, 'utf8')) as BenchmarkSummary;
  const [table] = tables;
  // Models and gradients of a batch are needed no more.
  rmSync(join(folder, 'store'), { recursive: true, force: true });
  return table!.methods.flatMap(({ method, accuracy }) =>
    accuracy.scores.map((score, index) => ({ ...setting, seed: firstSeed + index, method, accuracy: score })),
  );
}

/** Checkpoints of the warm-up, where a method asks for losses at several of them. */
export function trajectorySettings(methods: readonly SelectionMethod[]): string[] {
  return methods.some((method) => leastTrajectory(method) > 0) ? [`warmup.trajectory=${TRAJECTORY}`] : [];
}

/** The recipe of a dataset under a condition, made where it is not there. */
function recipeOf({ dataset, condition }: Setting, work: string): string {
  const clean = join(work, dataset, 'clean');
  const recipe = join(clean, 'recipe.yaml');
  if (!existsSync(recipe)) {
    mkdirSync(clean, { recursive: true });
    const data = dataset === 'shapes' ? shapesData(work) : {};
    writeFileSync(recipe, stringify({ extends: 'demo', ...data }));
  }
  if (condition === 'clean') return resolve(recipe);
  const folder = join(work, dataset, condition);
  const stressed = join(folder, 'recipe.yaml');
  if (!existsSync(stressed)) {
    // A folder that a killed command left is no dataset.
    rmSync(folder, { recursive: true, force: true });
    tive(clean, ['data', 'stress', resolve(recipe), '--condition', condition, '-o', resolve(folder)]);
  }
  return resolve(stressed);
}

/** The second dataset, made where it is not there. @returns what a recipe says of it */
function shapesData(work: string): Partial<Record<'dataset' | 'evaluation', object>> {
  const folder = resolve(work, 'shapes-data');
  if (!existsSync(join(folder, 'test.json'))) {
    rmSync(folder, { recursive: true, force: true });
    run(work, [join(packageFolder(), 'dist/examples/shapes/make-data.js'), '--out', folder]);
  }
  const images = { image_folder: join(folder, 'images') };
  return {
    dataset: { path: join(folder, 'train.json'), ...images },
    evaluation: { path: join(folder, 'test.json'), ...images },
  };
}

function tive(folder: string, words: readonly string[]): void {
  mkdirSync(folder, { recursive: true });
  run(folder, [join(packageFolder(), 'setup/tive.mjs'), ...words]);
}

function run(cwd: string, words: readonly string[]): void {
  const { status } = spawnSync(process.execPath, [...words], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`results: ${words.slice(1).join(' ')} must end with 0, got ${status} in ${cwd}`);
}

/** What a measurement is called in its log. */
export function measurementText(setting: Setting, { firstSeed, seedCount, methods }: Batch): string {
  return `${settingName(setting)}: seeds ${firstSeed} to ${firstSeed + seedCount - 1}, ${methods.join(', ')}`;
}
