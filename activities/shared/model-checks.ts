// What must hold of a model folder and the settings that go with it, before any work.
import type { Config } from '../../contracts/config.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { readImageSettings } from '../../dataset/images/image-settings.ts';
import type { ImageSettings } from '../../dataset/images/image-settings.ts';
import { readAdapter } from '../../model/adapter-files.ts';
import { readArchitecture } from '../../model/architectures/read-architecture.ts';
import { checkModelFiles } from '../../model/model-files.ts';
import { modelMemory, requireMemory } from '../../model/model-memory.ts';
import { decoderLinearShapes, linearLayers, weightShapes } from '../../model/weight-shapes.ts';

/** Text tokens that an example must have room for beside its picture. */
const LEAST_TEXT_TOKENS = 16;

/**
 * Holds the config against the model folder, before any work.
 * @throws InvalidConfigError for a folder that is no model, or settings that do not fit it
 */
export async function checkModel({ model, gradients, warmup }: Config): Promise<void> {
  const architecture = await readArchitecture(model.path);
  const { imageTokenCount, text, vision } = architecture;
  // Whether there is a GPU is seen where the weights are loaded.
  requireMemory(modelMemory(weightShapes(architecture), false), model.engine === 'wasm');
  await checkModelFiles(model.path);
  if (vision !== null) requireImageSize(await readImageSettings(model.path), vision.imageSize);
  const least = imageTokenCount + LEAST_TEXT_TOKENS;
  if (gradients.cutoffLen < least) {
    throw new InvalidConfigError(
      `gradients.cutoff_len: must be at least ${least}, the image tokens and ${LEAST_TEXT_TOKENS} more, got ${gradients.cutoffLen}`,
    );
  }
  if (model.adapter !== null) {
    await readAdapter(model.adapter, linearLayers(text));
    return;
  }
  const shapes = decoderLinearShapes(text);
  for (const target of warmup.loraTarget) {
    const most = Math.min(...shapes[target]);
    if (warmup.loraRank > most) {
      throw new InvalidConfigError(
        `warmup.lora_rank: must be at most ${most}, the smaller dimension of ${target}, got ${warmup.loraRank}`,
      );
    }
  }
}

/** @throws InvalidConfigError for a folder that holds no model that is read */
export async function requireModel(folder: string): Promise<void> {
  await readArchitecture(folder);
}

function requireImageSize({ width, height }: ImageSettings, imageSize: number): void {
  if (width === imageSize && height === imageSize) return;
  throw new InvalidConfigError(
    `preprocessor_config.json: pictures must be ${imageSize} × ${imageSize} as vision_config.image_size says, got ${width} × ${height}`,
  );
}
