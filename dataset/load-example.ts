import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { InvalidDatasetError } from '../contracts/failures.ts';
import { readRowForms } from './dataset-info.ts';
import { readImageFile } from './image-file.ts';
import { preprocessImage } from './image-preprocess.ts';
import type { ImageSettings } from './image-settings.ts';
import { parseRow } from './parse-row.ts';
import type { EncodedPrompt, PromptEncoder } from './prompt.ts';
import type { RowForm } from './row-form.ts';
import { isRejection } from './row-outcome.ts';
import type { LocalDataset } from './row-source.ts';

/** Where a row stands in its source. */
export interface RowPlace {
  rowIndex: number;
  sourceIndex: number;
  byteStart: number;
  byteEnd: number;
}

/** A row ready for the model but for its pictures' vectors. */
export interface LoadedExample {
  prompt: EncodedPrompt;
  /** Full path of each picture, in order. */
  imagePaths: string[];
}

/** Reads rows again by their byte ranges. Close it when done. */
export class ExampleLoader {
  readonly #dataset: LocalDataset;
  readonly #encoder: PromptEncoder;
  readonly #settings: ImageSettings | null;
  readonly #aspect: 'pad' | 'crop';
  readonly #files = new Map<number, FileHandle>();
  #forms: Promise<(RowForm | null)[]> | null = null;

  /** @param settings null for a model of text */
  constructor(dataset: LocalDataset, encoder: PromptEncoder, settings: ImageSettings | null, aspect: 'pad' | 'crop') {
    this.#dataset = dataset;
    this.#encoder = encoder;
    this.#settings = settings;
    this.#aspect = aspect;
  }

  /** @throws InvalidDatasetError where the row is no longer what the dataset stage saw */
  async load(place: RowPlace): Promise<LoadedExample> {
    const bytes = await this.#read(place);
    this.#forms ??= readRowForms(this.#dataset.sources.map(({ origin }) => origin));
    const form = (await this.#forms)[place.sourceIndex] ?? null;
    const parsed = parseRow(bytes, { ...this.#dataset, form });
    if (isRejection(parsed)) throw changed(place, parsed.detail);
    const prompt = this.#encoder.encode(parsed.promptTurns, parsed.images.length);
    if (isRejection(prompt)) throw changed(place, prompt.detail);
    const { imageFolder } = this.#dataset.sources[place.sourceIndex]!;
    return { prompt, imagePaths: parsed.images.map((path) => `${imageFolder}${sep}${path}`) };
  }

  /** A picture as the model's input, by its full path. @throws InvalidDatasetError where it is no longer readable */
  async pixels(imagePath: string): Promise<Float32Array> {
    const folders = this.#dataset.sources.map(({ imageFolder }) => imageFolder);
    const folder =
      folders.filter((name) => imagePath.startsWith(`${name}${sep}`)).sort((a, b) => b.length - a.length)[0] ?? '';
    const path = imagePath.slice(folder.length + 1);
    if (this.#settings === null) throw new RangeError(`${imagePath}: model must take pictures, got a model of text`);
    const read = await readImageFile(folder, path);
    const done = isRejection(read) ? read : await preprocessImage(read.bytes, this.#settings, this.#aspect);
    if (isRejection(done))
      throw new InvalidDatasetError(
        `${join(folder, path)}: must be as the dataset stage saw it, got: ${done.detail}; run again`,
      );
    return done.pixels;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.close()));
    this.#files.clear();
  }

  async #read({ sourceIndex, byteStart, byteEnd }: RowPlace): Promise<Uint8Array> {
    let file = this.#files.get(sourceIndex);
    if (file === undefined)
      this.#files.set(sourceIndex, (file = await open(this.#dataset.sources[sourceIndex]?.path ?? '', 'r')));
    const bytes = Buffer.alloc(byteEnd - byteStart);
    await file.read(bytes, 0, bytes.length, byteStart);
    return bytes;
  }
}

function changed({ rowIndex }: RowPlace, detail: string): InvalidDatasetError {
  return new InvalidDatasetError(
    `row ${rowIndex.toLocaleString('en')}: must be as the dataset stage saw it, got: ${detail}; the file changed, run again`,
  );
}
