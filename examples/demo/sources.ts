// The source pictures: read, and split so that no picture is in two parts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createRandom } from './named-random.ts';
import { enlargeBicubic } from './resample.ts';

/** The three parts of the source pictures; no source picture is in two of them. */
export const SPLITS = ['pretraining', 'train', 'test'] as const;
export type Split = (typeof SPLITS)[number];

export const GARMENT_SIDE = 28;
/** Digits are stored 8 × 8 and used enlarged. */
export const DIGIT_SIDE = 18;
const STORED_DIGIT_SIDE = 8;
const DIGIT_SHUFFLE_SEED = 7;

/** Grey pictures of one size with a label 0–9 each. */
export interface LabelledPictures {
  side: number;
  /** uint8 [picture, row, column]. */
  pixels: Uint8Array;
  /** uint8 [picture]. */
  labels: Uint8Array;
  /** Where each picture comes from, `garment-train-40017`: file and number in the file. */
  ids: readonly string[];
  /** Numbers of the pictures of each label, [label][…]. */
  byLabel: readonly (readonly number[])[];
}

export interface SourceSplit {
  split: Split;
  garments: LabelledPictures;
  digits: LabelledPictures;
}

export type Sources = Readonly<Record<Split, SourceSplit>>;

/** Pictures of one source file, before they are split. */
export type PictureFile = Pick<LabelledPictures, 'side' | 'pixels' | 'labels'>;

/**
 * Reads Fashion-MNIST and the UCI digits.
 *
 * @param fashionMnistFolder folder with the four `…-ubyte.gz` files
 * @param digitsFile `digits.csv.gz` of scikit-learn: 64 values 0–16 and the label in each line
 */
export function readSources(fashionMnistFolder: string, digitsFile: string): Sources {
  return splitSources({
    garmentsTrain: readFashionMnist(fashionMnistFolder, 'train'),
    garmentsTest: readFashionMnist(fashionMnistFolder, 't10k'),
    digits: parseDigits(gunzipSync(readFileSync(digitsFile)).toString('utf8')),
  });
}

/**
 * Splits: garments 0–39,999 and 40,000–42,999 of the train file and 0–999 of the test file; digits, shuffled, 900, 500
 * and the rest.
 */
export function splitSources(files: Record<'garmentsTrain' | 'garmentsTest' | 'digits', PictureFile>): Sources {
  const { garmentsTrain, garmentsTest, digits } = files;
  const digitOrder = createRandom('digits', DIGIT_SHUFFLE_SEED).sample(range(0, digits.labels.length));
  const part = (split: Split, garments: LabelledPictures, digitNumbers: number[]): SourceSplit => ({
    split,
    garments,
    digits: takePictures(digits, digitNumbers, 'digit'),
  });
  return {
    pretraining: part(
      'pretraining',
      takePictures(garmentsTrain, range(0, 40_000), 'garment-train'),
      digitOrder.slice(0, 900),
    ),
    train: part(
      'train',
      takePictures(garmentsTrain, range(40_000, 43_000), 'garment-train'),
      digitOrder.slice(900, 1400),
    ),
    test: part('test', takePictures(garmentsTest, range(0, 1000), 'garment-test'), digitOrder.slice(1400)),
  };
}

/** Sources with one black picture of each label in every split: for what depends on the texts alone. */
export function blankSources(): Sources {
  const blank = (side: number, prefix: string): LabelledPictures =>
    takePictures(
      { side, pixels: new Uint8Array(10 * side * side), labels: Uint8Array.from(range(0, 10)) },
      range(0, 10),
      prefix,
    );
  const [garments, digits] = [blank(GARMENT_SIDE, 'blank-garment'), blank(DIGIT_SIDE, 'blank-digit')];
  const part = (split: Split): SourceSplit => ({ split, garments, digits });
  return { pretraining: part('pretraining'), train: part('train'), test: part('test') };
}

/**
 * Array of an IDX file of bytes: two zero bytes, type 8 (uint8), number of axes, one big-endian uint32 for each axis,
 * then the values.
 */
export function parseIdx(bytes: Uint8Array): { shape: number[]; values: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  if (magic >>> 8 !== 8)
    throw new TypeError(`parseIdx: the magic number must be 0x0008.., got 0x${magic.toString(16)}`);
  const shape = range(0, magic & 0xff).map((axis) => view.getUint32(4 + 4 * axis));
  const values = bytes.subarray(4 + 4 * shape.length);
  const wanted = shape.reduce((product, length) => product * length, 1);
  if (values.length !== wanted) throw new TypeError(`parseIdx: must hold ${wanted} values, got ${values.length}`);
  return { shape, values };
}

/** Digits from lines of 64 values 0–16 and a label, stretched to 0–255 and enlarged to {@link DIGIT_SIDE}. */
export function parseDigits(csv: string): PictureFile {
  const lines = csv.trim().split('\n');
  const area = DIGIT_SIDE ** 2;
  const pixels = new Uint8Array(lines.length * area);
  const labels = new Uint8Array(lines.length);
  lines.forEach((line, number) => {
    const values = line.split(',').map(Number);
    if (values.length !== 65)
      throw new TypeError(`parseDigits: line ${number} must hold 65 values, got ${values.length}`);
    const stored = Uint8Array.from(values.slice(0, 64), (value) => Math.round((value * 255) / 16));
    pixels.set(enlargeBicubic(stored, STORED_DIGIT_SIDE, DIGIT_SIDE), number * area);
    labels[number] = values[64]!;
  });
  return { side: DIGIT_SIDE, pixels, labels };
}

function readFashionMnist(folder: string, stem: 'train' | 't10k'): PictureFile {
  const read = (name: string) => parseIdx(gunzipSync(readFileSync(join(folder, `${stem}-${name}-ubyte.gz`))));
  const [images, labels] = [read('images-idx3'), read('labels-idx1')];
  const expected = [labels.values.length, GARMENT_SIDE, GARMENT_SIDE];
  if (images.shape.join() !== expected.join()) {
    throw new TypeError(`readFashionMnist: ${stem} pictures must have shape [${expected}], got [${images.shape}]`);
  }
  return { side: GARMENT_SIDE, pixels: images.values, labels: labels.values };
}

/** Chosen pictures of a file, with the number in the file in their ids. */
function takePictures(file: PictureFile, numbers: readonly number[], prefix: string): LabelledPictures {
  const area = file.side ** 2;
  const pixels = new Uint8Array(numbers.length * area);
  const labels = new Uint8Array(numbers.length);
  const byLabel: number[][] = range(0, 10).map(() => []);
  numbers.forEach((number, index) => {
    pixels.set(file.pixels.subarray(number * area, (number + 1) * area), index * area);
    labels[index] = file.labels[number]!;
    byLabel[labels[index]!]!.push(index);
  });
  return { side: file.side, pixels, labels, byLabel, ids: numbers.map((number) => `${prefix}-${number}`) };
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, index) => start + index);
}
