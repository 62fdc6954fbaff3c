// The PNG encoding of the demo's pictures.
import sharp from 'sharp';
import { SIDE } from './pictures.ts';

/**
 * A picture as PNG, smallest without loss: one channel where red, green and blue are equal everywhere.
 *
 * @param image uint8 [row, column, channel], 56 × 56 × 3
 */
export async function encodePng(image: Uint8Array): Promise<Uint8Array> {
  const grey = greyOf(image);
  const raw = { width: SIDE, height: SIDE, channels: grey === null ? (3 as const) : (1 as const) };
  return sharp(grey ?? image, { raw })
    .toColourspace(grey === null ? 'srgb' : 'b-w') // or sharp writes three channels
    .png({ compressionLevel: 9, effort: 10, adaptiveFiltering: false, palette: false })
    .toBuffer();
}

/** The grey values [row, column], or null where the picture has color. */
function greyOf(image: Uint8Array): Uint8Array | null {
  const grey = new Uint8Array(image.length / 3);
  for (let at = 0; at < grey.length; at += 1) {
    if (image[3 * at] !== image[3 * at + 1] || image[3 * at] !== image[3 * at + 2]) return null;
    grey[at] = image[3 * at]!;
  }
  return grey;
}
