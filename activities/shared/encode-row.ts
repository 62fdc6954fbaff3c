// One row of a dataset as the model reads it.
import type { SizedClip } from '../../contracts/clips.ts';
import type { ImageSize } from '../../dataset/images/image-decode.ts';
import type { EncodedPrompt, PromptEncoder } from '../../dataset/prompts/prompt.ts';
import { sizeClip } from '../../dataset/rows/clip-files.ts';
import type { ParsedRow } from '../../dataset/rows/parse-row.ts';
import { checkImage } from '../../dataset/rows/scan-dataset.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import type { Rejection } from '../../dataset/rows/row-outcome.ts';
import { folderOfImage } from '../../dataset/rows/row-source.ts';
import type { RowSource } from '../../dataset/rows/row-source.ts';

/** A parsed row by itself, or why it cannot be used. */
export async function encodeAlone(
  encoder: PromptEncoder,
  { promptTurns: turns, images, clips }: ParsedRow,
  source: RowSource,
): Promise<EncodedPrompt | Rejection> {
  const imageSizes = async (): Promise<ImageSize[] | Rejection> => {
    const checks = await Promise.all(images.map((path) => checkImage(folderOfImage(source, path), path)));
    return checks.find(({ rejection }) => rejection !== null)?.rejection ?? checks.map(({ size }) => size);
  };
  const sized: SizedClip[] = [];
  for (const clip of clips) {
    const found = await sizeClip(source, clip);
    if (isRejection(found)) return found;
    sized.push(found.content);
  }
  const [prompt] = await encoder.encodeAll([{ turns, imageCount: images.length, clips: sized, imageSizes }]);
  return prompt!;
}
