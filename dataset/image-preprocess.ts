import { decodeImage } from './image-decode.ts';
import type { RgbImage } from './image-decode.ts';
import { resizeImage } from './image-resize.ts';
import type { ImageSettings } from './image-settings.ts';
import { isRejection } from './row-outcome.ts';
import type { Rejection } from './row-outcome.ts';

/**
 * Picture → the model's input: decode, RGB, pad (optional), resize, centre crop, rescale, normalise.
 * x = fround(v · rescale), then fround(fround(x − fround(mean)) / fround(deviation)): equal to Pillow and NumPy bit for
 * bit where the decoder is (PNG).
 *
 * @returns `[3, height, width]` float32
 */
export async function preprocessImage(
  bytes: Uint8Array,
  settings: ImageSettings,
  aspect: 'pad' | 'crop',
): Promise<{ pixels: Float32Array } | Rejection> {
  const decoded = await decodeImage(bytes);
  if (isRejection(decoded)) return decoded;
  const square = aspect === 'pad' ? padToSquare(decoded, settings.mean) : decoded;
  const { filter, longestEdge } = settings;
  const first = longestEdge === null ? square : resizeImage(square, ...longEdgeSize(square, longestEdge), filter);
  const { width, height } = resizedSize(first, settings);
  return { pixels: normalise(resizeImage(first, width, height, filter), settings) };
}

/** No edge is longer than this. */
const MAX_EDGE = 4096;

/**
 * Width and height with the longer edge as set: the shorter one ⌊edge · aspect⌋, made even.
 * @see transformers `Idefics3ImageProcessor`
 */
function longEdgeSize({ width, height }: RgbImage, edge: number): [number, number] {
  const aspect = width / height;
  const even = (size: number): number => Math.max(1, size + (size % 2));
  const [wide, high] =
    width >= height ? [edge, even(Math.trunc(edge / aspect))] : [even(Math.trunc(edge * aspect)), edge];
  if (Math.max(wide, high) <= MAX_EDGE) return [wide, high];
  return wide >= high
    ? [MAX_EDGE, Math.max(1, Math.trunc(MAX_EDGE / (wide / high)))]
    : [Math.max(1, Math.trunc(MAX_EDGE * (wide / high))), MAX_EDGE];
}

/** Size before the crop: shorter edge as set, longer one ⌊edge · long / short⌋. */
function resizedSize({ width, height }: RgbImage, settings: ImageSettings): { width: number; height: number } {
  const { shortestEdge: edge } = settings;
  if (edge === null) return { width: settings.width, height: settings.height };
  return width <= height
    ? { width: edge, height: Math.trunc((edge * height) / width) }
    : { width: Math.trunc((edge * width) / height), height: edge };
}

/** The longer edge as side, the picture in the middle, the mean colour around it. */
function padToSquare({ width, height, data }: RgbImage, mean: ImageSettings['mean']): RgbImage {
  if (width === height) return { width, height, data };
  const side = Math.max(width, height);
  const output = new Uint8Array(side * side * 3);
  const fill = mean.map((value) => Math.trunc(value * 255));
  for (let place = 0; place < output.length; place += 1) output[place] = fill[place % 3]!;
  const left = Math.floor((side - width) / 2);
  const top = Math.floor((side - height) / 2);
  for (let row = 0; row < height; row += 1) {
    output.set(data.subarray(row * width * 3, (row + 1) * width * 3), ((top + row) * side + left) * 3);
  }
  return { width: side, height: side, data: output };
}

/** Centre crop and normalisation in one pass. Where the picture is smaller than the crop, the outside is black. */
function normalise(
  image: RgbImage,
  { width, height, rescaleFactor, mean, standardDeviation }: ImageSettings,
): Float32Array {
  const left = Math.floor((image.width - width) / 2);
  const top = Math.floor((image.height - height) / 2);
  const pixels = new Float32Array(3 * height * width);
  for (let channel = 0; channel < 3; channel += 1) {
    // There are only 256 levels: one table a channel.
    const levels = Float32Array.from({ length: 256 }, (_, value) => {
      const rescaled = Math.fround(value * rescaleFactor);
      return Math.fround(rescaled - Math.fround(mean[channel]!)) / Math.fround(standardDeviation[channel]!);
    });
    for (let row = 0; row < height; row += 1) {
      const place = (channel * height + row) * width;
      const sourceRow = top + row;
      for (let column = 0; column < width; column += 1) {
        const sourceColumn = left + column;
        const inside = sourceRow >= 0 && sourceRow < image.height && sourceColumn >= 0 && sourceColumn < image.width;
        pixels[place + column] =
          levels[inside ? image.data[(sourceRow * image.width + sourceColumn) * 3 + channel]! : 0]!;
      }
    }
  }
  return pixels;
}
