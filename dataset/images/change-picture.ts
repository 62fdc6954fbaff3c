// Operations on a decoded picture that leave its size and what is asked of it as they are.
import type { PictureChange } from '../../contracts/augmentation.ts';
import type { RgbImage } from './image-decode.ts';
import { readMeanColour } from './image-settings.ts';
import { resizeImage } from './image-resize.ts';

/** Part of what is trained on changed pictures: raised where an operation gives other pixels. */
export const OPERATIONS_VERSION = 1;

/** 8-bit levels of red, green and blue. */
export type Colour = readonly [number, number, number];

/**
 * A picture after one operation, of the same size. W and H are its edges, p the parameter; resizing is Pillow's
 * bicubic.
 *
 * - `border`: the picture at W − 2⌊pW⌋ by H − 2⌊pH⌋ in the middle, `mean` around it. Edges below 1/p pixels get none.
 * - `crop`: of its middle ⌈W√p⌉ by ⌈H√p⌉ pixels, at least p of the area, resized to W by H.
 * - `flip`: every row from right to left.
 * - `brightness`: every level v becomes v · (1 + p), rounded, at most 255: brightness and contrast change alike.
 * - `resample`: resized to W·p by H·p, rounded, at least 1, and back.
 *
 * Differs: the specification adds a border around the picture and keeps a crop as it is. Here the size stays, so that a
 * row has the tokens that were counted for it also where a processor makes more of them of a larger picture.
 *
 * @param mean colour of a border
 */
export function changePicture(picture: RgbImage, { operation, parameter }: PictureChange, mean: Colour): RgbImage {
  const { width, height } = picture;
  switch (operation) {
    case 'border':
      return withBorder(picture, Math.floor(parameter * width), Math.floor(parameter * height), mean);
    case 'crop': {
      const edge = Math.sqrt(parameter);
      return resizeImage(middleOf(picture, Math.ceil(width * edge), Math.ceil(height * edge)), width, height, FILTER);
    }
    case 'flip':
      return flipped(picture);
    case 'brightness': {
      const levels = Uint8Array.from({ length: 256 }, (_, level) => Math.min(255, Math.round(level * (1 + parameter))));
      return { width, height, data: picture.data.map((level) => levels[level]!) };
    }
    case 'resample': {
      const small = (edge: number): number => Math.max(1, Math.round(edge * parameter));
      return resizeImage(resizeImage(picture, small(width), small(height), FILTER), width, height, FILTER);
    }
  }
}

const FILTER = 'bicubic';

/** Changes pictures for a model: borders have the mean colour of its processor. */
export type ChangePicture = (picture: RgbImage, change: PictureChange) => Promise<RgbImage>;

/**
 * Changes pictures as {@link changePicture}. The model's folder is read when the first border is made.
 * @param modelFolder where the processor's mean colour stands: {@link readMeanColour}
 */
export function pictureChanger(modelFolder: string): ChangePicture {
  let mean: Promise<Colour> | null = null;
  return async (picture, change) => {
    if (change.operation === 'border') mean ??= readMeanColour(modelFolder);
    return changePicture(picture, change, (await mean) ?? NO_COLOUR);
  };
}

/** Of operations that need none. */
const NO_COLOUR: Colour = [0, 0, 0];

function withBorder(picture: RgbImage, side: number, above: number, mean: Colour): RgbImage {
  const { width, height } = picture;
  const inner = resizeImage(picture, width - 2 * side, height - 2 * above, FILTER);
  const data = new Uint8Array(width * height * 3);
  data.set(mean);
  for (let filled = 3; filled < data.length; filled *= 2) data.copyWithin(filled, 0, filled);
  for (let row = 0; row < inner.height; row += 1) {
    const from = row * inner.width * 3;
    data.set(inner.data.subarray(from, from + inner.width * 3), ((above + row) * width + side) * 3);
  }
  return { width, height, data };
}

/** The middle of a picture, moved up and left where it cannot be exact. */
function middleOf(picture: RgbImage, width: number, height: number): RgbImage {
  const left = Math.floor((picture.width - width) / 2);
  const top = Math.floor((picture.height - height) / 2);
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row += 1) {
    const from = ((top + row) * picture.width + left) * 3;
    data.set(picture.data.subarray(from, from + width * 3), row * width * 3);
  }
  return { width, height, data };
}

function flipped({ width, height, data: source }: RgbImage): RgbImage {
  const data = new Uint8Array(source.length);
  for (let row = 0; row < height; row += 1) {
    let to = (row * width + width - 1) * 3;
    for (let from = row * width * 3; from < (row + 1) * width * 3; from += 3, to -= 3) {
      data[to] = source[from]!;
      data[to + 1] = source[from + 1]!;
      data[to + 2] = source[from + 2]!;
    }
  }
  return { width, height, data };
}
