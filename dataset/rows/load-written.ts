// Rows of the table for a model's own processor: texts, decoded pictures and clips, held to what the dataset stage saw.
import type { LoadedClip } from '../../contracts/clips.ts';
import type { RowPlace } from '../../contracts/row-place.ts';
import type { ChangePicture } from '../images/change-picture.ts';
import type { RgbImage } from '../images/image-decode.ts';
import type { PromptPiece } from '../prompts/prompt-piece.ts';
import type { ProcessorEncoder } from '../prompts/processor-encoder.ts';
import { loadClip } from './clip-files.ts';
import type { ParsedRow } from './parse-row.ts';
import { isRejection } from './row-outcome.ts';
import { changedRow, keyOfImage, RowReader } from './row-reader.ts';
import type { LocalDataset, RowSource } from './row-source.ts';

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
  readonly #changePicture: ChangePicture;

  /** @param changePicture does what rows' places say of their pictures */
  constructor(dataset: LocalDataset, encoder: ProcessorEncoder, changePicture: ChangePicture) {
    this.#rows = RowReader.over(dataset);
    this.#encoder = encoder;
    this.#changePicture = changePicture;
  }

  /** Rows in their order. @throws InvalidDatasetError where one is no longer what the dataset stage saw */
  async load(places: readonly RowPlace[]): Promise<WrittenRow[]> {
    const read: { place: RowPlace; row: ParsedRow; source: RowSource }[] = [];
    for (const place of places) {
      const { row, source } = await this.#rows.at(place);
      if (isRejection(row)) throw changedRow(place, row.detail);
      read.push({ place, row, source });
    }
    const written = this.#encoder.writeAll(
      read.map(({ row }) => {
        return { turns: row.promptTurns, imageCount: row.images.length, kinds: row.clips.map(({ kind }) => kind) };
      }),
    );
    const loaded: WrittenRow[] = [];
    for (const [index, { place, row, source }] of read.entries()) {
      const pieces = written[index]!;
      if (isRejection(pieces)) throw changedRow(place, pieces.detail);
      loaded.push({ pieces, ...(await this.#media(place, row, source)) });
    }
    return loaded;
  }

  async #media(place: RowPlace, row: ParsedRow, source: RowSource): Promise<Omit<WrittenRow, 'pieces'>> {
    const images = row.images.map((path, index) => keyOfImage(place, source, path, index));
    const decoded = await this.#rows.pictures(images);
    const clips: LoadedClip[] = [];
    const hashes: string[][] = [];
    for (const clip of row.clips) {
      const loaded = await loadClip(source, clip);
      if (isRejection(loaded)) throw changedRow(place, loaded.detail);
      clips.push(loaded.content);
      hashes.push([clip.kind, ...loaded.hashes]);
    }
    await this.#rows.requireUnchanged(place, row.turns, images, hashes);
    return { pictures: await this.#changed(decoded, place.change), clips };
  }

  /** The pictures as the copy of the row has them. */
  async #changed(pictures: RgbImage[], change: RowPlace['change']): Promise<RgbImage[]> {
    if (change === undefined) return pictures;
    const changed: RgbImage[] = [];
    for (const picture of pictures) changed.push(await this.#changePicture(picture, change));
    return changed;
  }

  close(): Promise<void> {
    return this.#rows.close();
  }
}
