// Small plain PNGs, decoded here: a decoder's calls cost several times as much as their pixels.
import { crc32, inflateSync } from 'node:zlib';
import type { RgbImage } from './image-decode.ts';

/** Larger pictures are the decoder's, which does not hold up what runs beside. */
const MAX_PIXELS = 256 * 256;

/** Chunks that change no pixel. */
const NOTES: ReadonlySet<string> = new Set(['tEXt', 'zTXt', 'iTXt', 'tIME', 'pHYs', 'gAMA', 'cHRM', 'sRGB']);

/**
 * A PNG of 8 bits in grey or RGB, without transparency, in one pass, up to 256 × 256 pixels.
 *
 * @returns null for any other PNG, and for one with anything wrong: the decoder says what
 * @see https://www.w3.org/TR/png-3/
 */
export function decodeSmallPng(bytes: Uint8Array): RgbImage | null {
  const parts = readChunks(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (parts === null) return null;
  const { width, height, channels, compressed } = parts;
  const lineLength = 1 + width * channels;
  const lines = inflate(compressed, height * lineLength);
  if (lines === null) return null;
  const pixels = new Uint8Array(height * width * channels);
  for (let row = 0; row < height; row += 1)
    if (!restoreLine(lines, row * lineLength, pixels, row, channels, width * channels)) return null;
  return { width, height, data: channels === 3 ? pixels : grey(pixels) };
}

interface Parts {
  width: number;
  height: number;
  channels: 1 | 3;
  /** All of the picture's data. */
  compressed: Buffer;
}

/** Size and data of a picture of the right kind whose chunks are whole. */
function readChunks(file: Buffer): Parts | null {
  const data: Buffer[] = [];
  let header: Omit<Parts, 'compressed'> | null = null;
  for (let place = 8; place + 12 <= file.length;) {
    const end = place + 8 + file.readUInt32BE(place);
    if (end + 4 > file.length || crc32(file.subarray(place + 4, end)) !== file.readUInt32BE(end)) return null;
    const kind = file.toString('latin1', place + 4, place + 8);
    const content = file.subarray(place + 8, end);
    place = end + 4;
    if (header === null) {
      header = kind === 'IHDR' ? readHeader(content) : null;
      if (header === null) return null;
    } else if (kind === 'IDAT') data.push(content);
    else if (kind === 'IEND') return data.length === 0 ? null : { ...header, compressed: Buffer.concat(data) };
    else if (!NOTES.has(kind)) return null;
  }
  return null;
}

/** Grey or RGB of 8 bits, deflated, filtered by lines, not interlaced. */
function readHeader(content: Buffer): Omit<Parts, 'compressed'> | null {
  if (content.length !== 13 || content[8] !== 8 || content[10] !== 0 || content[11] !== 0 || content[12] !== 0)
    return null;
  const [width, height, colours] = [content.readUInt32BE(0), content.readUInt32BE(4), content[9]];
  if ((colours !== 0 && colours !== 2) || width * height === 0 || width * height > MAX_PIXELS) return null;
  return { width, height, channels: colours === 0 ? 1 : 3 };
}

function inflate(compressed: Buffer, length: number): Buffer | null {
  try {
    const lines = inflateSync(compressed, { maxOutputLength: length });
    return lines.length === length ? lines : null;
  } catch {
    return null;
  }
}

/** Undoes the filter of one line, whose kind stands before it. */
function restoreLine(
  lines: Buffer,
  start: number,
  pixels: Uint8Array,
  row: number,
  channels: number,
  length: number,
): boolean {
  const kind = lines[start]!;
  const [from, to] = [start + 1, row * length];
  if (kind > 4) return false;
  for (let index = 0; index < length; index += 1) {
    const left = index < channels ? 0 : pixels[to + index - channels]!;
    const above = row === 0 ? 0 : pixels[to + index - length]!;
    const corner = row === 0 || index < channels ? 0 : pixels[to + index - length - channels]!;
    pixels[to + index] = lines[from + index]! + predicted(kind, left, above, corner);
  }
  return true;
}

/** What a filter takes a byte to be, by those to its left, above it, and between the two. */
function predicted(kind: number, left: number, above: number, corner: number): number {
  if (kind === 0) return 0;
  if (kind === 1) return left;
  if (kind === 2) return above;
  if (kind === 3) return (left + above) >> 1;
  const [byLeft, byAbove] = [Math.abs(above - corner), Math.abs(left - corner)];
  const byCorner = Math.abs(left + above - 2 * corner);
  if (byLeft <= byAbove && byLeft <= byCorner) return left;
  return byAbove <= byCorner ? above : corner;
}

/** `[pixel]` to `[pixel, 3]`. */
function grey(levels: Uint8Array): Uint8Array {
  const data = new Uint8Array(3 * levels.length);
  for (let pixel = 0; pixel < levels.length; pixel += 1) data.fill(levels[pixel]!, 3 * pixel, 3 * pixel + 3);
  return data;
}
