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
import { GOLDEN } from '../../model/golden.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-density-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TOWER = { hidden: 8, inner: 8, isGated: false, input: 8, prepared: 8, stem: 0, local: null, keptLayerCount: 0 };

/** A model whose processor makes of every row ten tokens, and of a frame two vectors. */
class Models extends ModelHost {
  readonly encoded: SizedRow[] = [];
  readonly #takesVideos: boolean;

  constructor(takesVideos: boolean) {
    super();
    this.#takesVideos = takesVideos;
  }

  override async describe(): Promise<ModelDescription> {
    const sizes = sizesOf(await readArchitecture(`${GOLDEN}/model`));
    const towers = { video: this.#takesVideos ? TOWER : null, audio: null };
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

function tokensOf({ clips = [] }: SizedRow) {
  const videos = clips.reduce((sum, clip) => sum + ('frameCount' in clip ? 2 * clip.frameCount : 0), 0);
  const counts = { imageTokenCount: 0, supervisedTokenCount: 1, truncated: false };
  return { ids: new Int32Array(10), labels: new Int32Array(10), ...counts, towerVectors: { videos, sounds: [] } };
}

test('the densest of the first rows with clips decides, and only a model that takes clips is asked', async () => {
  await writeClipDataset(folder, 'video');
  const { config } = loadRecipe(join(folder, 'recipe.yaml'), {
    overrides: [`model.path=${GOLDEN}/model`, 'model.template=vicuna_v1'],
  });
  const dataset = await localDataset(() => new LocalStore(join(folder, 'store')), config.dataset, null);
  const [deaf, seeing] = [new Models(false), new Models(true)];
  expect(await firstDensity(config, dataset, deaf)).toBeNull();
  expect(deaf.encoded).toEqual([]);
  // Rows of two to five frames.
  expect(await firstDensity(config, dataset, seeing)).toEqual({ videos: 1, sounds: 0 });
  expect(seeing.encoded).toHaveLength(8);
});
