import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { firstDensity } from '../../../activities/shared/vector-density.ts';
import { localDataset } from '../../../activities/shared/local-dataset.ts';
import { ModelHost } from '../../../activities/shared/model-host.ts';
import { loadRecipe } from '../../../client/recipe/recipe.ts';
import type { ModelDescription, SizedRow } from '../../../model/engine.ts';
import { readArchitecture } from '../../../model/architectures/read-architecture.ts';
import { sizesOf } from '../../../model/memory/model-sizes.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { writeClipDataset } from '../../client/clip-dataset.ts';
import { writeSmallDataset } from '../../client/small-dataset.ts';
import { GOLDEN } from '../../model/golden.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-density-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TOWER = {
  hidden: 8,
  inner: 8,
  innerTableCount: 2,
  input: 8,
  prepared: 8,
  stem: 0,
  local: null,
  keptLayerCount: 0,
};

/** A model whose processor makes of every row ten tokens, of a frame two vectors and of a picture three. */
class Models extends ModelHost {
  readonly encoded: SizedRow[] = [];
  readonly #takes: readonly string[];

  constructor(...takes: ('image' | 'video')[]) {
    super();
    this.#takes = takes;
  }

  override async describe(): Promise<ModelDescription> {
    const sizes = sizesOf(await readArchitecture(`${GOLDEN}/model`));
    const [image = null, video = null] = ['image', 'video'].map((kind) => (this.#takes.includes(kind) ? TOWER : null));
    const towers = { image, video, audio: null };
    const texts = { eosToken: '</s>', namedTokens: {}, reservedTexts: [], imageToken: '<image>', audioToken: null };
    return {
      decoder: { path: '', layers: [] },
      parameterCount: 1,
      sizes: { ...sizes, towers },
      processor: {
        texts: { ...texts, chatTemplate: null, videoToken: '<film>' },
        version: '1',
        encode: (rows) => {
          this.encoded.push(...rows);
          return Promise.resolve(rows.map(tokensOf));
        },
      },
    };
  }
}

function tokensOf({ clips = [], pictures: { length } }: SizedRow) {
  const videos = clips.reduce((sum, clip) => sum + ('frameCount' in clip ? 2 * clip.frameCount : 0), 0);
  const counts = { imageTokenCount: 0, supervisedTokenCount: 1, truncated: false };
  const towerVectors = { pictures: 3 * length, videos, sounds: [] };
  return { ids: new Int32Array(10), labels: new Int32Array(10), ...counts, towerVectors };
}

async function densityOf(models: Models, name: string) {
  const { config } = loadRecipe(join(folder, name, 'recipe.yaml'), {
    overrides: [`model.path=${GOLDEN}/model`, 'model.template=vicuna_v1'],
  });
  const dataset = await localDataset(() => new LocalStore(join(folder, 'store')), config.dataset, null);
  return firstDensity(config, dataset, models);
}

test('the densest of the first rows with clips decides, and only a model that takes clips is asked', async () => {
  await writeClipDataset(join(folder, 'clips'), 'video');
  const [deaf, seeing, both] = [new Models(), new Models('video'), new Models('image', 'video')];
  expect(await densityOf(deaf, 'clips')).toBeNull();
  expect(deaf.encoded).toEqual([]);
  for (const models of [seeing, both]) {
    // Rows of two to five frames.
    expect(await densityOf(models, 'clips')).toEqual({ pictures: 0, videos: 1, sounds: 0 });
    expect(models.encoded).toHaveLength(8);
  }
});

test('as many rows with pictures decide where the engine counts their tower, and rows of text do not', async () => {
  writeSmallDataset(join(folder, 'pictures'));
  const [blind, seeing] = [new Models('video'), new Models('image')];
  expect(await densityOf(blind, 'pictures')).toBeNull();
  expect(blind.encoded).toEqual([]);
  expect(await densityOf(seeing, 'pictures')).toEqual({ pictures: 0.3, videos: 0, sounds: 0 });
  // The picture of one of the first eight is missing.
  expect(seeing.encoded.map(({ pictures }) => pictures.length)).toEqual([1, 1, 1, 1, 1, 1, 1]);
});
