import sharp from 'sharp';
import { imageType } from './image-type.ts';
import type { Rejection } from './row-outcome.ts';

/** PIL's limit against decompression bombs, in pixels. */
const MAX_PIXELS = 178_956_970;

/** A decoded picture: 8-bit RGB, `[height, width, 3]` row-major. */
export interface RgbImage {
  width: number;
  height: number;
  data: Uint8Array;
}

// One thread a picture: the caller decides how many pictures are in work.
sharp.concurrency(1);
sharp.cache(false);

/**
 * Decodes a picture as PIL's `convert('RGB')` does: first frame, no EXIF rotation, alpha dropped and not blended.
 * CMYK and 16-bit files may differ from PIL by a few levels.
 */
export async function decodeImage(bytes: Uint8Array): Promise<RgbImage | Rejection> {
  const type = imageType(bytes);
  if (typeof type !== 'string') return type;
  try {
    const image = sharp(bytes, { ignoreIcc: true, failOn: 'truncated', limitInputPixels: MAX_PIXELS });
    const { data, info } = await image.removeAlpha().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data };
  } catch (error) {
    return rejection(error instanceof Error ? error.message : String(error));
  }
}

function rejection(message: string): Rejection {
  const got = message.split('\n')[0] ?? '';
  if (/pixel limit/i.test(message)) {
    return {
      reason: 'image_too_large',
      detail: `image must have at most ${MAX_PIXELS.toLocaleString('en')} pixels, got more`,
    };
  }
  const truncated =
    /premature|truncated|unexpected end|end of (stream|file)|not enough data|read error|exhausted/i.test(message);
  return truncated
    ? { reason: 'image_truncated', detail: `image must be complete, got ${got}` }
    : { reason: 'image_corrupt', detail: `image must be readable, got ${got}` };
}
