import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createDatasetActivities } from '../../activities/dataset/stage.ts';
import { ModelHost } from '../../activities/shared/model-host.ts';
import { QUARANTINE_FILE } from '../../tables/quarantine.ts';
import { outcomeOf } from '../../client/terminal/outcome.ts';
import { loadRecipe } from '../../client/recipe/recipe.ts';
import type { Config } from '../../contracts/config.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import { encodeSafetensors, openSafetensors } from '../../model/safetensors.ts';
import type { NamedTensor } from '../../model/safetensors.ts';
import { LocalStore } from '../../store/local-store.ts';

export const GOLDEN = join(import.meta.dirname, '../golden/tiny-llava');

/** What bad input leads to: the run stops, a row is set aside, or somebody is warned. */
export type Outcome =
  | { kind: 'stops'; error: string; exitCode: number; message: string }
  | { kind: 'sets aside'; reason: string; message: string; goodRows: number }
  | { kind: 'warns'; message: string };

/** What work is refused with. @throws Error where it is not */
export async function stops(work: () => unknown): Promise<Outcome> {
  try {
    await work();
  } catch (error) {
    const { exitCode, message } = outcomeOf(error);
    return { kind: 'stops', error: (error as Error).constructor.name, exitCode, message };
  }
  throw new Error('stops: work must be refused, got done');
}

/** The only warning. */
export function warns(warnings: readonly string[]): Outcome {
  if (warnings.length !== 1) throw new Error(`warns: one warning must be given, got ${JSON.stringify(warnings)}`);
  return { kind: 'warns', message: warnings[0]! };
}

/** A folder with a dataset and a recipe of the golden model. */
export class World {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(join(folder, 'images'), { recursive: true });
    cpSync(join(GOLDEN, 'images/cat.png'), join(folder, 'images/cat.png'));
    this.rows([GOOD]);
    this.recipe('');
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, content: string | Uint8Array): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  rows(rows: readonly unknown[]): void {
    this.write('mix.json', JSON.stringify(rows));
  }

  /** A recipe with lines of one's own behind the first three. */
  recipe(lines: string): void {
    const own = lines === '' ? '' : `${lines}\n`;
    this.write(
      'recipe.yaml',
      `model: { path: ${join(GOLDEN, 'model')} }\nrun: { name: bad }\nwarmup: { lora_rank: 4 }\n${own}`,
    );
  }

  config(...overrides: string[]): Config {
    const own = [`store.uri=${this.path('store')}`, 'model.engine=cpu', 'dataset.max_quarantined_fraction=0.9'];
    const paths = [`dataset.path=${this.path('mix.json')}`, `dataset.image_folder=${this.path('images')}`];
    return loadRecipe(this.path('recipe.yaml'), { overrides: [...own, ...paths, ...overrides] }).config;
  }

  scan(...overrides: string[]): Promise<ScanResult> {
    const dependencies = { openStore: (uri: string) => new LocalStore(uri), models: new ModelHost() };
    const { scanRows } = createDatasetActivities(dependencies);
    const config = this.config(...overrides);
    return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(scanRows, {
      config,
      source: 'dataset' as const,
    });
  }

  /** What becomes of a row between two good ones. */
  async setsAside(bad: unknown, ...overrides: string[]): Promise<Outcome> {
    this.rows([GOOD, bad, GOOD]);
    return this.setsAsideOne(...overrides);
  }

  /** What becomes of the only bad row of the file that is there. */
  async setsAsideOne(...overrides: string[]): Promise<Outcome> {
    const { rows, usableCount } = await this.scan(...overrides);
    const store = new LocalStore(this.path('store'));
    const lines = Buffer.from(await store.read(`${rows.uri}/${QUARANTINE_FILE}`))
      .toString('utf8')
      .trim()
      .split('\n');
    if (lines.length !== 1) throw new Error(`setsAside: one row must be set aside, got ${lines.length}`);
    const { reason, detail } = JSON.parse(lines[0]!) as { reason: string; detail: string };
    return { kind: 'sets aside', reason, message: detail, goodRows: usableCount };
  }

  /** A copy of the golden model's folder, with a file replaced; null removes it. */
  model(name: string, content: string | Uint8Array | null): string {
    const folder = this.path('model');
    cpSync(join(GOLDEN, 'model'), folder, { recursive: true });
    if (content === null) rmSync(join(folder, name));
    else writeFileSync(join(folder, name), content);
    return folder;
  }

  /** The same with keys of `config.json` replaced. */
  modelWith(change: Record<string, unknown>): string {
    const config = JSON.parse(readFileSync(join(GOLDEN, 'model/config.json'), 'utf8')) as Record<string, unknown>;
    return this.model('config.json', JSON.stringify({ ...config, ...change }));
  }

  /** The same with one tensor of another shape. */
  async modelWithTensor(changed: string, shape: number[]): Promise<string> {
    const folder = this.model('unused', '');
    const tensors: NamedTensor[] = [];
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.safetensors'))) {
      const file = await openSafetensors(join(folder, name));
      for (const [tensor, { shape: own }] of file.tensors)
        tensors.push(
          tensor === changed
            ? { name: tensor, shape, values: new Float32Array(shape.reduce((product, size) => product * size, 1)) }
            : { name: tensor, shape: own, values: await file.read(tensor) },
        );
      await file.close();
    }
    for (const name of readdirSync(folder)) if (name.includes('safetensors')) rmSync(join(folder, name));
    writeFileSync(join(folder, 'model.safetensors'), encodeSafetensors(tensors));
    return folder;
  }
}

/** Turns as LLaVA has them. */
export const talk = (...values: string[]) => ({
  conversations: values.map((value, index) => ({ from: index % 2 === 0 ? 'human' : 'gpt', value })),
});

export const GOOD = { id: 'good', dataset: 'qa', ...talk('What is 2 and 2?', '4') };

/** A row about a picture. */
export const about = (image: unknown) => ({ dataset: 'qa', image, ...talk('<image>\nWhat is it?', 'A cat.') });

/** A PNG whose header names another size than it holds. */
export function pngOfSize(png: Uint8Array, width: number, height: number): Buffer {
  const bytes = Buffer.from(png);
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  return bytes;
}
