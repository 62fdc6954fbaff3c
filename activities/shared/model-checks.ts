// What must hold of a model folder and the settings that go with it, before any work.
import type { Config } from '../../contracts/config.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { readImageSettings } from '../../dataset/images/image-settings.ts';
import type { ImageSettings } from '../../dataset/images/image-settings.ts';
import { readAdapter } from '../../model/adapter-files.ts';
import { readArchitecture } from '../../model/architectures/read-architecture.ts';
import { checkModelFiles } from '../../model/model-files.ts';
import { chooseEngine } from '../../model/load-engine.ts';
import type { DecoderLayers } from '../../model/engine.ts';
import { modelMemory, requireMemory } from '../../model/memory/weights-memory.ts';
import { countParameters, weightShapes } from '../../model/weight-shapes.ts';
import type { ModelHost } from './model-host.ts';

/** Text tokens that an example must have room for beside its picture. */
const LEAST_TEXT_TOKENS = 16;

/**
 * Holds the config against the model folder, before any work.
 * @throws InvalidConfigError for a folder that is no model, or settings that do not fit it
 */
export async function checkModel(config: Config, models: ModelHost): Promise<void> {
  const { model, warmup } = config;
  const { decoder, processor } = await models.describe(model);
  if (processor === null) await checkTokenModel(config);
  if (model.adapter !== null) {
    await readAdapter(model.adapter, decoder.layers);
    return;
  }
  for (const target of warmup.loraTarget) {
    const shapes = decoder.layers.filter((layer) => layer.target === target).map(({ shape }) => shape);
    if (shapes.length === 0) {
      const known = [...new Set(decoder.layers.map((layer) => layer.target))];
      throw new InvalidConfigError(
        `warmup.lora_target: must be layers of the model, got ${target}; it has ${known.join(', ')}`,
      );
    }
    const most = Math.min(...shapes.flat());
    if (warmup.loraRank > most) {
      throw new InvalidConfigError(
        `warmup.lora_rank: must be at most ${most}, the smaller dimension of ${target}, got ${warmup.loraRank}`,
      );
    }
  }
}

/** What a person should know of the layers that the recipe names: decoder layers of which none is adapted. */
export function adapterNotes({ model, warmup }: Config, { layers }: DecoderLayers): string[] {
  if (model.adapter !== null) return [];
  const numberOf = (path: string): string | undefined => /\.layers\.(\d+)\./.exec(path)?.[1];
  const adapted = new Set(
    layers.filter((layer) => warmup.loraTarget.includes(layer.target)).map(({ path }) => numberOf(path)),
  );
  const without = layers.filter(({ path }) => numberOf(path) !== undefined && !adapted.has(numberOf(path)));
  if (without.length === 0) return [];
  const numbers = [...new Set(without.map(({ path }) => numberOf(path)))];
  const names = [...new Set(without.map(({ target }) => target))];
  const all = new Set(layers.map(({ path }) => numberOf(path)).filter((number) => number !== undefined));
  return [
    `warmup.lora_target: every decoder layer should have an adapter, got ${numbers.length} of ${all.size} without ` +
      `(${numbers.slice(0, 6).join(', ')}${numbers.length > 6 ? ', …' : ''}); they have ${names.join(', ')}`,
  ];
}

/** As {@link checkModel}, of a model whose files are read here. */
async function checkTokenModel({ model, gradients }: Config): Promise<void> {
  if (gradients.projection === 'kron') {
    throw new InvalidConfigError(
      'gradients.projection: kron needs model.engine: torch, got TensorFlow’s engine; set that, or projection: sparse',
    );
  }
  const architecture = await readArchitecture(model.path);
  const { imageTokenCount, vision } = architecture;
  // Whether there is a GPU is seen where the weights are loaded.
  requireMemory(modelMemory(countParameters(weightShapes(architecture)), false), model.engine === 'wasm');
  await checkModelFiles(model.path);
  if (vision !== null) requireImageSize(await readImageSettings(model.path), vision.imageSize);
  const least = imageTokenCount + LEAST_TEXT_TOKENS;
  if (gradients.cutoffLen < least) {
    throw new InvalidConfigError(
      `gradients.cutoff_len: must be at least ${least}, the image tokens and ${LEAST_TEXT_TOKENS} more, got ${gradients.cutoffLen}`,
    );
  }
}

/** @throws InvalidConfigError for a folder that holds no model that is read */
export async function requireModel(folder: string): Promise<void> {
  if ((await chooseEngine({ engine: 'auto', path: folder })) !== 'torch') await readArchitecture(folder);
}

function requireImageSize({ width, height }: ImageSettings, imageSize: number): void {
  if (width === imageSize && height === imageSize) return;
  throw new InvalidConfigError(
    `preprocessor_config.json: pictures must be ${imageSize} × ${imageSize} as vision_config.image_size says, got ${width} × ${height}`,
  );
}
