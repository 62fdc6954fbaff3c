// Rows of the table as the model takes them: prompts and pixels, held to what the dataset stage saw.
import type { RowPlace } from '../../contracts/row-place.ts';
import type { PictureChange } from '../../contracts/augmentation.ts';
import type { Turn } from '../forms/conversation.ts';
import type { ChangePicture } from '../images/change-picture.ts';
import { preprocessImage } from '../images/image-preprocess.ts';
import type { ImageSettings } from '../images/image-settings.ts';
import type { EncodedPrompt, PromptEncoder, PromptRow } from '../prompts/prompt.ts';
import { isRejection } from './row-outcome.ts';
import { changedImage, changedRow, keyOfImage, pathOfImage, RowReader } from './row-reader.ts';
import type { LocalDataset } from './row-source.ts';

/** A row ready for the model but for its pictures' vectors. */
export interface LoadedExample {
  prompt: EncodedPrompt;
  /** Each picture, in order, as {@link imageKey} names it; a changed one by its change too. */
  images: string[];
  /** As read; null once they are known to be what the dataset stage saw. */
  turns: Turn[] | null;
}

/** Stands before a change in a picture's name, and in no {@link imageKey}. */
const CHANGED = '\0\0\0';

/** Loads rows again as examples. Close it when done. */
export class ExampleLoader {
  readonly #rows: RowReader;
  readonly #encoder: PromptEncoder;
  readonly #settings: ImageSettings | null;
  readonly #aspect: 'pad' | 'crop';
  readonly #changePicture: ChangePicture;
  /** Pictures of changed copies by their names: the picture that each was, and what is done to it. */
  readonly #changed = new Map<string, { image: string; change: PictureChange }>();

  /**
   * @param settings null for a model of text
   * @param changePicture does what rows' places say of their pictures
   */
  constructor(
    dataset: LocalDataset,
    encoder: PromptEncoder,
    settings: ImageSettings | null,
    aspect: 'pad' | 'crop',
    changePicture: ChangePicture,
  ) {
    this.#rows = RowReader.over(dataset);
    this.#encoder = encoder;
    this.#settings = settings;
    this.#aspect = aspect;
    this.#changePicture = changePicture;
  }

  /** Rows in their order. @throws InvalidDatasetError where one is no longer what the dataset stage saw */
  async load(places: readonly RowPlace[]): Promise<LoadedExample[]> {
    const read: Omit<LoadedExample, 'prompt'>[] = [];
    const rows: PromptRow[] = [];
    for (const place of places) {
      const { row, source } = await this.#rows.at(place);
      if (isRejection(row)) throw changedRow(place, row.detail);
      const images = row.images.map((path, index) => keyOfImage(place, source, path, index));
      read.push({ images: images.map((image) => this.#named(image, place.change)), turns: row.turns });
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
    const images = example.images.map((image) => this.#changed.get(image)?.image ?? image);
    await this.#rows.requireUnchanged(place, example.turns, images);
    example.turns = null;
  }

  /** A picture's name, by what is done to it. */
  #named(image: string, change: PictureChange | undefined): string {
    if (change === undefined) return image;
    const name = `${image}${CHANGED}${change.operation} ${change.parameter}`;
    this.#changed.set(name, { image, change });
    return name;
  }

  /**
   * A picture as the model's input, by the name that {@link load} has given it.
   * @throws InvalidDatasetError where it is no longer readable
   */
  async pixels(name: string): Promise<Float32Array> {
    const changed = this.#changed.get(name);
    const image = changed?.image ?? name;
    if (this.#settings === null)
      throw new RangeError(`${pathOfImage(image)}: model must take pictures, got a model of text`);
    const bytes = await this.#rows.picture(image);
    const done = await preprocessImage(bytes, this.#settings, this.#aspect, (picture) =>
      changed === undefined ? picture : this.#changePicture(picture, changed.change),
    );
    if (isRejection(done)) throw changedImage(image, done);
    return done.pixels;
  }

  close(): Promise<void> {
    return this.#rows.close();
  }
}
