// Colours that Pillow converts in its own way: CMYK, grey of 16 bits, AVIF of halved colour resolution.
import sharp from 'sharp';
import type { Rejection } from '../rows/row-outcome.ts';
import type { ImageType } from './image-type.ts';

/** Colours of a picture's file, as far as they are treated differently here. */
export type ImageColours = 'usual' | 'cmyk' | 'grey16';

/**
 * The colours of a picture by its first bytes; a TIFF's by its decoder.
 * @returns why it is not read, where its pixels would differ from Pillow's
 */
export async function imageColours(bytes: Uint8Array, type: ImageType): Promise<ImageColours | Rejection> {
  if (type === 'png') return bytes[24] === 16 && bytes[25] === 0 ? 'grey16' : 'usual';
  if (type === 'jpeg') return jpegComponents(bytes) === 4 ? 'cmyk' : 'usual';
  if (type === 'avif') return halvesColours(bytes) ? AVIF_DIFFERS : 'usual';
  if (type !== 'tiff') return 'usual';
  const found = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => null);
  if (found?.space === 'cmyk') return found.depth === 'uchar' ? 'cmyk' : CMYK_DIFFERS;
  return found?.space === 'grey16' && found.channels === 1 ? 'grey16' : 'usual';
}

const AVIF_DIFFERS: Rejection = {
  reason: 'image_type_unsupported',
  detail:
    'image must be AVIF of full colour resolution (4:4:4), got 4:2:0 or 4:2:2, which decoders enlarge in different ways; ' +
    'convert it to PNG or JPEG',
};

const CMYK_DIFFERS: Rejection = {
  reason: 'image_type_unsupported',
  detail: 'image in CMYK must have 8 bits a channel, got more; convert it to RGB',
};

/** Components of the frame of a JPEG, 0 where none is found. */
function jpegComponents(bytes: Uint8Array): number {
  let place = 2;
  while (place + 9 < bytes.length && bytes[place] === 0xff) {
    const marker = bytes[place + 1]!;
    // Fill bytes may stand before a marker.
    if (marker === 0xff) {
      place += 1;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return bytes[place + 9]!;
    place += 2 + bytes[place + 2]! * 256 + bytes[place + 3]!;
  }
  return 0;
}

/** Bytes in which an AVIF's properties stand. */
const AVIF_HEADER_BYTES = 65_536;

/**
 * Whether a picture of an AVIF has fewer samples of colour than of brightness; so is one that does not say.
 * @see AV1 Codec ISO Media File Format Binding, `AV1CodecConfigurationRecord`
 */
function halvesColours(bytes: Uint8Array): boolean {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, AVIF_HEADER_BYTES));
  let found = false;
  for (let place = header.indexOf('av1C'); place >= 0; place = header.indexOf('av1C', place + 4)) {
    const flags = header[place + 6] ?? 0;
    const [isGrey, halves] = [(flags & 0x10) !== 0, (flags & 0x0c) !== 0];
    if (halves && !isGrey) return true;
    found = true;
  }
  return !found;
}

/**
 * Pillow's `convert('RGB')` of CMYK, whose K is what ink is there: R = (255 − K) − C · (255 − K) / 255, rounded.
 * @param inks `[pixel, 4]`
 * @see Pillow, `Convert.c` `cmyk2rgb`
 */
export function cmykToRgb(inks: Uint8Array): Uint8Array {
  const data = new Uint8Array((inks.length / 4) * 3);
  for (let from = 0, to = 0; from < inks.length; from += 4, to += 3) {
    const paper = 255 - inks[from + 3]!;
    for (let channel = 0; channel < 3; channel += 1) {
      const product = inks[from + channel]! * paper + 128;
      data[to + channel] = paper - (((product >> 8) + product) >> 8);
    }
  }
  return data;
}

/**
 * Pillow's `convert('RGB')` of grey of 16 bits: levels above 255 are white.
 * @param levels `[pixel]`
 * @see Pillow, `Convert.c` `I16_RGB`
 */
export function grey16ToRgb(levels: Uint16Array): Uint8Array {
  const data = new Uint8Array(levels.length * 3);
  levels.forEach((level, pixel) => data.fill(Math.min(level, 255), pixel * 3, pixel * 3 + 3));
  return data;
}
