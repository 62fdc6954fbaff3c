import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { DatasetConfig } from '../../contracts/config.ts';
import { createPromptEncoder } from '../../dataset/prompts/prompt.ts';
import type { PromptEncoder, TextEncoder } from '../../dataset/prompts/prompt.ts';
import { imageFolderOf } from '../../dataset/rows/row-source.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { scanDataset } from '../../dataset/rows/scan-dataset.ts';
import type { RowRecord, ScanOptions } from '../../dataset/rows/scan-dataset.ts';
import { labellingOf } from '../../dataset/tasks/task-labeller.ts';

/** A dataset's config with defaults of the tests, its files of JSON and undescribed. */
export function datasetConfig(path: string[], change: Partial<DatasetConfig> = {}): LocalDataset {
  const config: DatasetConfig = {
    path,
    format: 'auto',
    imageFolder: null,
    taskField: 'dataset',
    taskRules: 'single',
    excludeTasks: [],
    maxImages: 1,
    maxRows: null,
    maxQuarantinedFraction: 1,
    ...change,
  };
  const sources = path.map((origin, index) => ({
    path: origin,
    origin,
    packed: null,
    form: null,
    imageFolder: imageFolderOf(config, index),
  }));
  return { ...config, sources };
}

/** The golden model's encoder. */
export function goldenEncoder(): Promise<TextEncoder> {
  return createPromptEncoder({
    modelFolder: 'test/golden/tiny-llava/model',
    template: 'vicuna_v1',
    imageTokenCount: 16,
    imageTokenId: 4,
    vocabularySize: 420,
    cutoffLen: 2048,
  });
}

/** Turns that alternate between human and gpt, as a LLaVA row has them. */
export function conversation(...values: unknown[]): { from: string; value: unknown }[] {
  return values.map((value, index) => ({ from: index % 2 === 0 ? 'human' : 'gpt', value }));
}

/** Writes a file below a folder, with the folders in between. @returns its path */
export async function writeBelow(folder: string, name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

/** A picture with noise, so that it has many bytes: the same seed gives the same picture. */
export function noisePng(width: number, height: number, seed: number): Promise<Buffer> {
  const levels = Uint8Array.from({ length: width * height * 3 }, (_, index) => ((index + seed) * 2654435761) >>> 24);
  return sharp(levels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** A dataset with the labels of its rules. */
export async function scanOptions(dataset: LocalDataset, encoder: PromptEncoder): Promise<ScanOptions> {
  return { dataset, encoder, label: (await labellingOf(dataset)).label };
}

/** All records of a dataset. */
export async function scanAll(dataset: LocalDataset, encoder: PromptEncoder): Promise<RowRecord[]> {
  const records: RowRecord[] = [];
  for await (const chunk of scanDataset(await scanOptions(dataset, encoder))) records.push(...chunk);
  return records;
}
