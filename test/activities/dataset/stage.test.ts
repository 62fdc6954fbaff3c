import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import sharp from 'sharp';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { createDatasetActivities } from '../../../activities/dataset/stage.ts';
import { createGradientActivities } from '../../../activities/gradients/stage.ts';
import { ModelHost } from '../../../activities/shared/model-host.ts';
import { createWarmupActivities } from '../../../activities/training/warmup.ts';
import { loadRecipe } from '../../../client/recipe/recipe.ts';
import type { Config } from '../../../contracts/config.ts';
import type { ScanResult } from '../../../contracts/messages/dataset.ts';
import type { AdapterResult } from '../../../contracts/messages/training.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { writeSmallDataset } from '../../client/small-dataset.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-dataset-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folder: string;
let count = 0;
beforeEach(() => {
  folder = join(root, String(count++));
  mkdirSync(folder);
  writeSmallDataset(folder);
});

const quiet = () => new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });

/** A store with so much room. */
class SmallStore extends LocalStore {
  override freeBytes(): Promise<number> {
    return Promise.resolve(5000);
  }
}

function config(...overrides: string[]): Config {
  return loadRecipe(join(folder, 'recipe.yaml'), {
    overrides: [`store.uri=${join(folder, 'store')}`, 'model.engine=cpu', ...overrides],
  }).config;
}

function scan(of: Config): Promise<ScanResult> {
  const dependencies = { openStore: (uri: string) => new LocalStore(uri), models: new ModelHost() };
  return quiet().run(createDatasetActivities(dependencies).scanRows, { config: of, source: 'dataset' as const });
}

describe('stage dataset', () => {
  test('gives the same artifact again without work', async () => {
    const first = await scan(config());
    expect(await scan(config())).toEqual({ ...first, cached: true });
    expect(first).toMatchObject({ rowCount: 59, usableCount: 56, duplicateCount: 0, cached: false });
    expect(first.tasks).toEqual([
      { task: 'name', rowCount: 25, usableCount: 24 },
      { task: 'sum', rowCount: 13, usableCount: 12 },
      { task: 'tell', rowCount: 21, usableCount: 20 },
    ]);
  });

  test('a picture of another type than its name says is used, counted and called out', async () => {
    const picture = join(folder, 'images/cat.png');
    writeFileSync(picture, await sharp(readFileSync(picture)).jpeg().toBuffer());
    const { warnings, usableCount } = await scan(config());
    expect(usableCount).toBe(56);
    expect(warnings).toEqual(['images: extension must match the content, got 4 that differ; decoded by content']);
  });

  test('an excluded task that does not exist stops the run', async () => {
    await expect(scan(config('dataset.exclude_tasks=[nome]'))).rejects.toThrow(
      'dataset.exclude_tasks: tasks must exist, got "nome"; known: name, sum, tell',
    );
  });

  test('too many bad rows stop the run, and nothing is left behind', async () => {
    await expect(scan(config('dataset.max_quarantined_fraction=0.02'))).rejects.toThrow(
      'dataset: quarantined share must be at most 0.02, got 0.0508 (3 of 59, mostly ',
    );
    expect(await new LocalStore(join(folder, 'store')).list('artifacts')).toEqual([]);
  });
});

test('a gradient table that does not fit on the disk is refused before any gradient is taken', async () => {
  const of = config('warmup.epochs=1', 'warmup.fraction=0.05', 'gradients.sketch=1024');
  const dependencies = { openStore: (uri: string) => new SmallStore(uri), models: new ModelHost() };
  const { rows } = await scan(of);
  const tuned = await quiet().run(createWarmupActivities(dependencies).tuneReference, { config: of, rows });
  const { adapter } = tuned as AdapterResult;
  const plan = quiet().run(createGradientActivities(dependencies).planGradients, { config: of, rows, adapter });
  await expect(plan).rejects.toThrow(
    'store: 0.2 MB must be free, got 0.0 MB; free space, or lower gradients.sketch, or storage: int8',
  );
  dependencies.models.dispose();
});
