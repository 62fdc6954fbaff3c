// Rows of the table for a model's own processor: texts, decoded pictures and clips, held to what the dataset stage saw.
import type { LoadedClip } from '../../contracts/clips.ts';
import type { RowPlace } from '../../contracts/row-place.ts';
import type { RgbImage } from '../images/image-decode.ts';
import type { PromptPiece } from '../prompts/prompt-piece.ts';
import type { ProcessorEncoder } from '../prompts/processor-encoder.ts';
import { loadClip } from './clip-files.ts';
import { isRejection } from './row-outcome.ts';
import { changedRow, keyOfImage, RowReader } from './row-reader.ts';
import type { LocalDataset } from './row-source.ts';

/** A row as text, and its pictures. */
export interface WrittenRow {
  pieces: readonly PromptPiece[];
  pictures: readonly RgbImage[];
  clips: readonly LoadedClip[];
}

/** Loads rows again as texts and pictures. Close it when done. */
export class WrittenRowLoader {
  readonly #rows: RowReader;
  readonly #encoder: ProcessorEncoder;

  constructor(dataset: LocalDataset, encoder: ProcessorEncoder) {
    this.#rows = RowReader.over(dataset);
    this.#encoder = encoder;
  }

  /** @throws InvalidDatasetError where the row is no longer what the dataset stage saw */
  async load(place: RowPlace): Promise<WrittenRow> {
    const { row, source } = await this.#rows.at(place);
    if (isRejection(row)) throw changedRow(place, row.detail);
    const kinds = row.clips.map(({ kind }) => kind);
    const pieces = this.#encoder.write(row.promptTurns, row.images.length, kinds);
    if (isRejection(pieces)) throw changedRow(place, pieces.detail);
    const images = row.images.map((path, index) => keyOfImage(place, source, path, index));
    const pictures = await this.#rows.pictures(images);
    const clips: LoadedClip[] = [];
    const hashes: string[][] = [];
    for (const clip of row.clips) {
      const loaded = await loadClip(source, clip);
      if (isRejection(loaded)) throw changedRow(place, loaded.detail);
      clips.push(loaded.content);
      hashes.push([clip.kind, ...loaded.hashes]);
    }
    await this.#rows.requireUnchanged(place, row.turns, images, hashes);
    return { pieces, pictures, clips };
  }

  close(): Promise<void> {
    return this.#rows.close();
  }
}
