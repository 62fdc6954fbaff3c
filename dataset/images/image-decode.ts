// A picture's bytes as pixels, bounded before anything is decoded.
import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { cmykToRgb, grey16ToRgb, imageColours } from './image-colours.ts';
import type { ImageColours } from './image-colours.ts';
import { imageType } from './image-type.ts';
import type { ImageType } from './image-type.ts';
import { decodeSmallPng } from './small-png.ts';

import type { Rejection } from '../rows/row-outcome.ts';

/** PIL's limit against decompression bombs, in pixels. */
const MAX_PIXELS = 178_956_970;

/** Edges of a picture in pixels. */
export interface ImageSize {
  width: number;
  height: number;
}

/** A decoded picture: 8-bit RGB, `[height, width, 3]` row-major. */
export interface RgbImage extends ImageSize {
  data: Uint8Array;
}

// One thread a picture: the caller decides how many pictures are in work.
sharp.concurrency(1);
sharp.cache(false);

/**
 * Decodes a picture as PIL's `convert('RGB')` does: first frame, no EXIF rotation, alpha dropped and not blended. What
 * would differ from PIL is set aside.
 */
export async function decodeImage(bytes: Uint8Array): Promise<RgbImage | Rejection> {
  const type = imageType(bytes);
  if (typeof type !== 'string') return type;
  const small = type === 'png' ? decodeSmallPng(bytes) : null;
  if (small !== null) return small;
  const colours = await imageColours(bytes, type);
  if (typeof colours !== 'string') return colours;
  return (await decode(bytes, colours, 'truncated')) ?? rejection(bytes, type, colours);
}

type FailOn = 'truncated' | 'none';

async function decode(bytes: Uint8Array, colours: ImageColours, failOn: FailOn): Promise<RgbImage | null> {
  const image = sharp(bytes, { ignoreIcc: true, failOn, limitInputPixels: MAX_PIXELS }).removeAlpha();
  try {
    const { data, info } = await inColours(image, colours).toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data: asRgb(data, colours) };
  } catch {
    return null;
  }
}

function inColours(image: Sharp, colours: ImageColours): Sharp {
  if (colours === 'cmyk') return image.pipelineColourspace('cmyk').toColourspace('cmyk').raw();
  if (colours === 'grey16') return image.toColourspace('grey16').raw({ depth: 'ushort' });
  return image.toColourspace('srgb').raw();
}

function asRgb(data: Buffer, colours: ImageColours): Uint8Array {
  if (colours === 'cmyk') return cmykToRgb(data);
  if (colours === 'usual') return data;
  // In the order of this machine's bytes, as libvips writes them.
  return grey16ToRgb(new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length)));
}

/**
 * Why a picture cannot be decoded. libvips keeps one text of errors for all threads, so what it says of a picture
 * depends on those decoded at the same time; whether it succeeds does not, so that alone decides.
 */
async function rejection(bytes: Uint8Array, type: ImageType, colours: ImageColours): Promise<Rejection> {
  const { width, height } = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => ({ width: 0, height: 0 }));
  if (width * height > MAX_PIXELS) {
    const number = (value: number): string => value.toLocaleString('en');
    return {
      reason: 'image_too_large',
      detail: `image must have at most ${number(MAX_PIXELS)} pixels, got ${number(width)} × ${number(height)}`,
    };
  }
  const form = type.toUpperCase();
  return (await decode(bytes, colours, 'none')) !== null
    ? { reason: 'image_truncated', detail: `image must be complete, got a premature end of ${form} data` }
    : { reason: 'image_corrupt', detail: `image must be readable, got damaged ${form} data` };
}
