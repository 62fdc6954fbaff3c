import type { Config } from '../contracts/config.ts';
import { InvalidConfigError } from '../contracts/failures.ts';
import { checkModelFiles } from '../model/load-model.ts';
import { readModelConfig } from '../model/model-config.ts';
import { decoderLinearShapes } from '../model/weight-shapes.ts';

/** Text tokens that an example must have room for beside its picture. */
const LEAST_TEXT_TOKENS = 16;

/**
 * Holds the config against the model folder, before any work.
 * @throws InvalidConfigError for a folder that is no model, or settings that do not fit it
 */
export async function checkModel({ model, gradients, warmup }: Config): Promise<void> {
  const { imageTokenCount, text } = await readModelConfig(model.path);
  await checkModelFiles(model.path);
  const least = imageTokenCount + LEAST_TEXT_TOKENS;
  if (gradients.cutoffLen < least) {
    throw new InvalidConfigError(
      `gradients.cutoff_len: must be at least ${least}, the image tokens and ${LEAST_TEXT_TOKENS} more, got ${gradients.cutoffLen}`,
    );
  }
  if (model.adapter !== null) return;
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
