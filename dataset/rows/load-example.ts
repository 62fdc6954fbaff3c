// Rows of the table as the model takes them: prompts and pixels, held to what the dataset stage saw.
import type { RowPlace } from '../../contracts/row-place.ts';
import type { Turn } from '../forms/conversation.ts';
import { preprocessImage } from '../images/image-preprocess.ts';
import type { ImageSettings } from '../images/image-settings.ts';
import type { EncodedPrompt, PromptEncoder, PromptRow } from '../prompts/prompt.ts';
import { isRejection } from './row-outcome.ts';
import { changedImage, changedRow, keyOfImage, pathOfImage, RowReader } from './row-reader.ts';
import type { LocalDataset } from './row-source.ts';

/** A row ready for the model but for its pictures' vectors. */
export interface LoadedExample {
  prompt: EncodedPrompt;
  /** Each picture, in order, as {@link imageKey} names it. */
  images: string[];
  /** As read; null once they are known to be what the dataset stage saw. */
  turns: Turn[] | null;
}

/** Loads rows again as examples. Close it when done. */
export class ExampleLoader {
  readonly #rows: RowReader;
  readonly #encoder: PromptEncoder;
  readonly #settings: ImageSettings | null;
  readonly #aspect: 'pad' | 'crop';

  /** @param settings null for a model of text */
  constructor(dataset: LocalDataset, encoder: PromptEncoder, settings: ImageSettings | null, aspect: 'pad' | 'crop') {
    this.#rows = RowReader.over(dataset);
    this.#encoder = encoder;
    this.#settings = settings;
    this.#aspect = aspect;
  }

  /** Rows in their order. @throws InvalidDatasetError where one is no longer what the dataset stage saw */
  async load(places: readonly RowPlace[]): Promise<LoadedExample[]> {
    const read: Omit<LoadedExample, 'prompt'>[] = [];
    const rows: PromptRow[] = [];
    for (const place of places) {
      const { row, source } = await this.#rows.at(place);
      if (isRejection(row)) throw changedRow(place, row.detail);
      const images = row.images.map((path, index) => keyOfImage(place, source, path, index));
      read.push({ images, turns: row.turns });
      rows.push({ turns: row.promptTurns, imageCount: images.length, imageSizes: () => this.#rows.imageSizes(images) });
    }
    const prompts = await this.#encoder.encodeAll(rows);
    return read.map((row, index) => {
      const prompt = prompts[index]!;
      if (isRejection(prompt)) throw changedRow(places[index]!, prompt.detail);
      return { ...row, prompt };
    });
  }

  /** @throws InvalidDatasetError where the texts or the pictures are others than the dataset stage saw */
  async requireUnchanged(place: RowPlace, example: LoadedExample): Promise<void> {
    if (example.turns === null || place.contentHash === null) return;
    await this.#rows.requireUnchanged(place, example.turns, example.images);
    example.turns = null;
  }

  /**
   * A picture as the model's input, by its {@link imageKey}.
   * @throws InvalidDatasetError where it is no longer readable
   */
  async pixels(image: string): Promise<Float32Array> {
    if (this.#settings === null)
      throw new RangeError(`${pathOfImage(image)}: model must take pictures, got a model of text`);
    const done = await preprocessImage(await this.#rows.picture(image), this.#settings, this.#aspect);
    if (isRejection(done)) throw changedImage(image, done);
    return done.pixels;
  }

  close(): Promise<void> {
    return this.#rows.close();
  }
}
