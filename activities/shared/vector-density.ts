// How many vectors rows have of pictures, videos and sounds in the model's towers, before all rows are read.
import type { Config } from '../../contracts/config.ts';
import type { TowerVectors } from '../../contracts/tower-vectors.ts';
import type { EncodedPrompt, PromptEncoder } from '../../dataset/prompts/prompt.ts';
import { parseRow } from '../../dataset/rows/parse-row.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { rowsOf } from '../../dataset/rows/row-source.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { mostVectors, vectorsOf } from '../../model/memory/tower-bytes.ts';
import type { VectorDensity } from '../../model/memory/tower-bytes.ts';
import { encoderOf } from './compute-context.ts';
import { encodeAlone } from './encode-row.ts';
import type { ModelHost } from './model-host.ts';

/** Rows of each source that are parsed, and as many with clips and as many with pictures alone that are encoded. */
const PARSED_ROWS = 256;
const ENCODED_ROWS = 8;

/** Vectors a token of a row; null for one without. */
export function densityOf({ ids, towerVectors }: Pick<EncodedPrompt, 'ids' | 'towerVectors'>): VectorDensity | null {
  if (towerVectors === undefined) return null;
  const { pictures, videos, sounds } = vectorsOf([towerVectors]);
  return { pictures: pictures / ids.length, videos: videos / ids.length, sounds: sounds / ids.length };
}

/** The larger one of each kind. */
export function mostDense(one: VectorDensity | null, other: VectorDensity | null): VectorDensity | null {
  return mostVectors([one, other].filter((density): density is TowerVectors => density !== null));
}

/**
 * The most vectors a token that one of the first rows has of pictures, videos and sounds; null where none of these has
 * any, or the engine counts none. It decides over the token budget, so it follows from the rows alone.
 */
export async function firstDensity(
  config: Config,
  dataset: LocalDataset,
  models: ModelHost,
): Promise<VectorDensity | null> {
  const { towers } = (await models.describe(config.model)).sizes;
  const takes = { pictures: Boolean(towers?.image), clips: Boolean(towers?.video ?? towers?.audio) };
  if (!takes.pictures && !takes.clips) return null;
  let encoder: PromptEncoder | null = null;
  let most: VectorDensity | null = null;
  for (const source of dataset.sources) {
    let parsed = 0;
    const left = { pictures: takes.pictures ? ENCODED_ROWS : 0, clips: takes.clips ? ENCODED_ROWS : 0 };
    for await (const { bytes } of rowsOf(source)) {
      if (parsed++ >= PARSED_ROWS || left.pictures + left.clips === 0) break;
      const row = parseRow(bytes, { ...dataset, form: source.form });
      if (isRejection(row)) continue;
      const kind = row.clips.length > 0 ? 'clips' : 'pictures';
      if (left[kind] === 0 || (kind === 'pictures' && row.images.length === 0)) continue;
      encoder ??= await encoderOf(config, models);
      const prompt = await encodeAlone(encoder, row, source);
      left[kind] -= 1;
      if (!isRejection(prompt)) most = mostDense(most, densityOf(prompt));
    }
  }
  return most;
}
