// How many vectors rows with videos or sounds have in the model's towers, before all rows are read.
import type { ClipVectors } from '../../contracts/clips.ts';
import type { Config } from '../../contracts/config.ts';
import type { EncodedPrompt, PromptEncoder } from '../../dataset/prompts/prompt.ts';
import { parseRow } from '../../dataset/rows/parse-row.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { rowsOf } from '../../dataset/rows/row-source.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { clipVectorsOf, mostVectors } from '../../model/memory/clip-bytes.ts';
import type { ClipDensity } from '../../model/memory/clip-bytes.ts';
import { encoderOf } from './compute-context.ts';
import { encodeAlone } from './encode-row.ts';
import type { ModelHost } from './model-host.ts';

/** Rows of each source that are parsed, and rows with clips among them that are encoded. */
const PARSED_ROWS = 256;
const ENCODED_ROWS = 8;

/** Vectors a token of a row; null for one without videos and sounds. */
export function densityOf({ ids, clipVectors }: Pick<EncodedPrompt, 'ids' | 'clipVectors'>): ClipDensity | null {
  if (clipVectors === undefined) return null;
  const { videos, sounds } = clipVectorsOf([clipVectors]);
  return { videos: videos / ids.length, sounds: sounds / ids.length };
}

/** The larger one of each kind. */
export function mostDense(one: ClipDensity | null, other: ClipDensity | null): ClipDensity | null {
  return mostVectors([one, other].filter((density): density is ClipVectors => density !== null));
}

/**
 * The most vectors a token that one of the first rows has of videos and sounds; null where none of these has any, or
 * the model takes none. It decides over the token budget, so it follows from the rows alone.
 */
export async function firstDensity(
  config: Config,
  dataset: LocalDataset,
  models: ModelHost,
): Promise<ClipDensity | null> {
  const { clipTowers } = (await models.describe(config.model)).sizes;
  if (!clipTowers?.video && !clipTowers?.audio) return null;
  let encoder: PromptEncoder | null = null;
  let most: ClipDensity | null = null;
  for (const source of dataset.sources) {
    let [parsed, encoded] = [0, 0];
    for await (const { bytes } of rowsOf(source)) {
      if (parsed++ >= PARSED_ROWS || encoded >= ENCODED_ROWS) break;
      const row = parseRow(bytes, { ...dataset, form: source.form });
      if (isRejection(row) || row.clips.length === 0) continue;
      encoder ??= await encoderOf(config, models);
      const prompt = await encodeAlone(encoder, row, source);
      encoded += 1;
      if (!isRejection(prompt)) most = mostDense(most, densityOf(prompt));
    }
  }
  return most;
}
