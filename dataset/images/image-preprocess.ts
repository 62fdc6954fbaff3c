// A picture's bytes as the model's input.
import { decodeImage } from './image-decode.ts';
import type { RgbImage } from './image-decode.ts';
import { resizeImage } from './image-resize.ts';
import type { ImageSettings } from './image-settings.ts';
import { isRejection } from '../rows/row-outcome.ts';
import type { Rejection } from '../rows/row-outcome.ts';

/**
 * Picture → the model's input: decode, RGB, pad (optional), resize, centre crop, rescale, normalise.
 * x = fround(v · rescale), then fround(fround(x − fround(mean)) / fround(deviation)): equal to Pillow and NumPy bit for
 * bit where the decoder is (PNG).
 *
 * @param change done to the decoded picture before all else
 * @returns `[3, height, width]` float32
 */
export async function preprocessImage(
  bytes: Uint8Array,
  settings: ImageSettings,
  aspect: 'pad' | 'crop',
  change: (picture: RgbImage) => RgbImage | Promise<RgbImage> = (picture) => picture,
): Promise<{ pixels: Float32Array } | Rejection> {
  const read = await decodeImage(bytes);
  if (isRejection(read)) return read;
  const decoded = await change(read);
  const square = aspect === 'pad' ? padToSquare(decoded, settings.mean) : decoded;
  const { filter, longestEdge } = settings;
  const first = longestEdge === null ? square : resizeImage(square, ...longEdgeSize(square, longestEdge), filter);
  const { width, height } = resizedSize(first, settings.resized);
  const [left, top] = [Math.floor((width - settings.width) / 2), Math.floor((height - settings.height) / 2)];
  const [right, bottom] = [Math.min(width, left + settings.width), Math.min(height, top + settings.height)];
  const part = { left: Math.max(0, left), top: Math.max(0, top) };
  const size = { width: right - part.left, height: bottom - part.top };
  const cropped = resizeImage(first, width, height, filter, { ...part, ...size });
  return { pixels: normalise(cropped, { x: part.left - left, y: part.top - top }, settings) };
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

/** Size before the crop: both edges as set, or the shorter one and ⌊edge · long / short⌋. */
function resizedSize(
  { width, height }: RgbImage,
  resized: ImageSettings['resized'],
): { width: number; height: number } {
  if (!('shortestEdge' in resized)) return resized;
  const { shortestEdge: edge } = resized;
  return width <= height
    ? { width: edge, height: Math.trunc((edge * height) / width) }
    : { width: Math.trunc((edge * width) / height), height: edge };
}

/** The longer edge as side, the picture in the middle, the mean colour around it. */
function padToSquare({ width, height, data }: RgbImage, mean: ImageSettings['mean']): RgbImage {
  if (width === height) return { width, height, data };
  const side = Math.max(width, height);
  const output = new Uint8Array(side * side * 3);
  output.set(mean.map((value) => Math.trunc(value * 255)));
  for (let filled = 3; filled < output.length; filled *= 2) output.copyWithin(filled, 0, filled);
  const left = Math.floor((side - width) / 2);
  const top = Math.floor((side - height) / 2);
  for (let row = 0; row < height; row += 1) {
    output.set(data.subarray(row * width * 3, (row + 1) * width * 3), ((top + row) * side + left) * 3);
  }
  return { width: side, height: side, data: output };
}

/** Levels of each channel's 256 bytes, by settings: made once, since a table costs as much as a small picture. */
const levelsOf = new WeakMap<ImageSettings, readonly Float32Array[]>();

function channelLevels(settings: ImageSettings): readonly Float32Array[] {
  const found = levelsOf.get(settings);
  if (found !== undefined) return found;
  const { rescaleFactor, mean, standardDeviation } = settings;
  const levels = mean.map((centre, channel) =>
    Float32Array.from({ length: 256 }, (_, value) => {
      const rescaled = Math.fround(value * rescaleFactor);
      return Math.fround(rescaled - Math.fround(centre)) / Math.fround(standardDeviation[channel]!);
    }),
  );
  levelsOf.set(settings, levels);
  return levels;
}

/**
 * Pixels by their levels, `[3, height, width]`.
 * @param place where the picture's first pixel lies; what it does not cover is black
 */
function normalise(
  { width: imageWidth, height: imageHeight, data }: RgbImage,
  { x, y }: { x: number; y: number },
  settings: ImageSettings,
): Float32Array {
  const { width, height } = settings;
  const plane = height * width;
  const pixels = new Float32Array(3 * plane);
  for (const [channel, levels] of channelLevels(settings).entries()) {
    const start = channel * plane;
    if (imageWidth < width || imageHeight < height) pixels.fill(levels[0]!, start, start + plane);
    let source = channel;
    for (let row = 0; row < imageHeight; row += 1) {
      const target = start + (y + row) * width + x;
      for (let pixel = target; pixel < target + imageWidth; pixel += 1, source += 3)
        pixels[pixel] = levels[data[source]!]!;
    }
  }
  return pixels;
}
