// Bench of the dataset stage: rows and bytes a second, memory.
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { ModelHost } from '../activities/shared/model-host.ts';
import { createDatasetActivities } from '../activities/dataset/stage.ts';
import { loadPreset } from '../client/recipe/recipe.ts';
import type { Config } from '../contracts/config.ts';
import type { ScanInput, ScanResult } from '../contracts/messages/dataset.ts';
import { splitRows } from '../dataset/readers/row-splitter.ts';
import { createStoreOpener } from '../plugins/store-opener.ts';
import { megabytes, short } from './bench.ts';
import type { BenchLine, BenchOptions } from './bench.ts';
import { withChildren } from './child.ts';
import { writeDataset } from './dataset-file.ts';
import { ownPeakBytes } from './processes.ts';

/** What a step has found. */
export interface ReadDataset {
  rowCount: number;
  usableCount: number;
  seconds: number;
  /** Peak resident memory of the process, or null where it is not known. */
  peakBytes: number | null;
}

/** A large dataset: splitting it into rows alone, then the whole stage, each in a process of its own. */
export async function* bench({ datasetBytes }: BenchOptions): AsyncGenerator<BenchLine> {
  const folder = await mkdtemp(join(tmpdir(), 'tive-bench-dataset-'));
  try {
    const config = await writeConfig(folder, datasetBytes);
    const { size } = await stat(config.dataset.path[0]!);
    for (const step of ['split', 'scan']) {
      const found = await withChildren(1, 'dataset', config, ([child]) => child!.run<ReadDataset>(step));
      yield { name: `dataset ${step}`, facts: factsOf(step, found, size) };
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function factsOf(step: string, { rowCount, usableCount, seconds, peakBytes }: ReadDataset, size: number): string[] {
  const [speedGoal, memoryGoal] = step === 'split' ? [' (goal 80)', ''] : ['', ' (goal 400)'];
  return [
    `${short(size / 1e6 / seconds)} MB/s${speedGoal}`,
    `${short(rowCount / seconds)} rows/s`,
    `peak ${peakBytes === null ? 'unknown' : megabytes(peakBytes)}${memoryGoal}`,
    `${megabytes(size)}, ${rowCount} rows, ${rowCount - usableCount} set aside`,
  ];
}

/** The demo's model with a dataset and a store in the folder. */
async function writeConfig(folder: string, datasetBytes: number): Promise<Config> {
  const { config } = loadPreset('demo');
  const dataset = await writeDataset(folder, datasetBytes, join(config.dataset.imageFolder as string, 'train'));
  return {
    ...config,
    store: { uri: join(folder, 'store') },
    dataset: { ...config.dataset, path: [dataset.path], imageFolder: dataset.imageFolder },
    gradients: { ...config.gradients, cutoffLen: 2048, tokenBudget: 8192, shardRows: 4096 },
  };
}

/** Steps `split` and `scan` for the config's dataset. */
export function prepare(config: Config): Record<string, () => Promise<ReadDataset>> {
  return {
    split: () => timed(() => split(config.dataset.path[0]!)),
    scan: () => timed(() => scan(config)),
  };
}

async function timed(work: () => Promise<{ rowCount: number; usableCount: number }>): Promise<ReadDataset> {
  const start = performance.now();
  const { rowCount, usableCount } = await work();
  return { rowCount, usableCount, seconds: (performance.now() - start) / 1000, peakBytes: ownPeakBytes() };
}

async function split(path: string): Promise<{ rowCount: number; usableCount: number }> {
  let rowCount = 0;
  for await (const row of splitRows(createReadStream(path, { highWaterMark: 1024 * 1024 }), 'train.json'))
    if (row.bytes !== null) rowCount += 1;
  return { rowCount, usableCount: rowCount };
}

function scan(config: Config): Promise<ScanResult> {
  const { scanRows } = createDatasetActivities({ openStore: createStoreOpener(), models: new ModelHost() });
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  const input: ScanInput = { config, source: 'dataset' };
  return environment.run(scanRows, input);
}
