import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { sep } from 'node:path';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import type { RowPlace } from '../../contracts/row-place.ts';
import { contentHash } from './content-hash.ts';
import type { Turn } from '../forms/conversation.ts';
import { readRowForms } from '../forms/dataset-info.ts';
import { readImageFile } from '../images/image-file.ts';
import { preprocessImage } from '../images/image-preprocess.ts';
import type { ImageSettings } from '../images/image-settings.ts';
import { parseRow } from './parse-row.ts';
import type { EncodedPrompt, PromptEncoder } from '../prompts/prompt.ts';
import type { RowForm } from '../forms/row-form.ts';
import { isRejection } from './row-outcome.ts';
import type { Rejection } from './row-outcome.ts';
import { folderOfImage } from './row-source.ts';
import type { LocalDataset } from './row-source.ts';

/** A row ready for the model but for its pictures' vectors. */
export interface LoadedExample {
  prompt: EncodedPrompt;
  /** Each picture, in order, as {@link imageKey} names it. */
  images: string[];
  /** As read; null once they are known to be what the dataset stage saw. */
  turns: Turn[] | null;
}

/** Names a picture by the folder that it must lie below and its path there. */
export function imageKey(folder: string, path: string): string {
  return `${folder}${BELOW}${path}`;
}

/** Stands in no path. */
const BELOW = '\0';

/** Pictures whose hashes are remembered. */
const REMEMBERED_IMAGES = 100_000;

/** Reads rows again by their byte ranges. Close it when done. */
export class ExampleLoader {
  readonly #dataset: LocalDataset;
  readonly #encoder: PromptEncoder;
  readonly #settings: ImageSettings | null;
  readonly #aspect: 'pad' | 'crop';
  readonly #files = new Map<number, FileHandle>();
  readonly #imageHashes = new Map<string, string>();
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
    const source = this.#dataset.sources[place.sourceIndex]!;
    return {
      prompt,
      images: parsed.images.map((path) => imageKey(folderOfImage(source, path), path)),
      turns: parsed.turns,
    };
  }

  /** @throws InvalidDatasetError where the texts or the pictures are others than the dataset stage saw */
  async requireUnchanged(place: RowPlace, example: LoadedExample): Promise<void> {
    const { turns, images } = example;
    if (turns === null || place.contentHash === null) return;
    const imageHashes: string[] = [];
    for (const image of images) {
      if (!this.#imageHashes.has(image)) await this.#readImage(image);
      imageHashes.push(this.#imageHashes.get(image)!);
    }
    if (Buffer.compare(contentHash(turns, imageHashes), place.contentHash) !== 0)
      throw changed(place, 'other texts or pictures');
    example.turns = null;
  }

  /** A picture as the model's input, by its {@link imageKey}. @throws InvalidDatasetError where it is no longer readable */
  async pixels(image: string): Promise<Float32Array> {
    if (this.#settings === null)
      throw new RangeError(`${pathOf(image)}: model must take pictures, got a model of text`);
    const done = await preprocessImage(await this.#readImage(image), this.#settings, this.#aspect);
    if (isRejection(done)) throw changedImage(image, done);
    return done.pixels;
  }

  async #readImage(image: string): Promise<Uint8Array> {
    const [folder = '', path = ''] = image.split(BELOW);
    const read = await readImageFile(folder, path);
    if (isRejection(read)) throw changedImage(image, read);
    if (this.#imageHashes.size >= REMEMBERED_IMAGES) this.#imageHashes.clear();
    this.#imageHashes.set(image, createHash('sha256').update(read.bytes).digest('hex'));
    return read.bytes;
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

function pathOf(image: string): string {
  return image.replace(BELOW, sep);
}

function changedImage(image: string, { detail }: Rejection): InvalidDatasetError {
  return new InvalidDatasetError(`${pathOf(image)}: must be as the dataset stage saw it, got: ${detail}; run again`);
}
