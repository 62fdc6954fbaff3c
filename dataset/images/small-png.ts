// Small pictures as plain PNGs: decoded here, since sharp's start alone takes several times as long as their pixels.
import { crc32, inflateSync } from 'node:zlib';
import type { RgbImage } from './image-decode.ts';

/** Pixels above which sharp's decoder is as fast, and has a thread of its own. */
const MOST_PIXELS = 2 ** 16;

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** Channels of the types of colour that are read: grey and RGB, of 8 bits each. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3 };

/** What a PNG's first chunk says of one that is read. */
interface Header {
  width: number;
  height: number;
  channels: number;
}

/**
 * Decodes a PNG of grey or RGB in 8 bits, not interlaced, with no chunks but those of its pixels and of their size in
 * print, and with all its checksums right.
 * @returns null for any other: whether it can be used, and how it looks, is for the decoder of all pictures to say
 * @see https://www.w3.org/TR/png-3/
 */
export function decodeSmallPng(bytes: Uint8Array): RgbImage | null {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.length < 57 || !file.subarray(0, 8).equals(SIGNATURE)) return null;
  const header = headerOf(file);
  const data = header === null ? null : dataOf(file);
  if (header === null || data === null) return null;
  const lines = inflated(data, header.height * (1 + header.width * header.channels));
  if (lines === null || !unfilter(lines, header)) return null;
  return { width: header.width, height: header.height, data: toRgb(lines, header) };
}

function headerOf(file: Buffer): Header | null {
  if (file.readUInt32BE(8) !== 13 || file.toString('latin1', 12, 16) !== 'IHDR') return null;
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)];
  const [depth, colours, compression, filter, interlace] = file.subarray(24, 29);
  const channels = CHANNELS[colours!];
  const isPlain = depth === 8 && compression === 0 && filter === 0 && interlace === 0;
  if (!isPlain || channels === undefined || width * height === 0 || width * height > MOST_PIXELS) return null;
  return { width, height, channels };
}

/** The compressed pixels; null where there are other chunks, or a checksum is wrong. */
function dataOf(file: Buffer): Buffer | null {
  const parts: Buffer[] = [];
  for (let start = 8; start + 12 <= file.length;) {
    const end = start + 8 + file.readUInt32BE(start);
    if (end + 4 > file.length || crc32(file.subarray(start + 4, end)) !== file.readUInt32BE(end)) return null;
    const type = file.toString('latin1', start + 4, start + 8);
    if (type === 'IEND') return end === start + 8 && end + 4 === file.length ? Buffer.concat(parts) : null;
    if (type === 'IDAT') parts.push(file.subarray(start + 8, end));
    else if (type === 'IHDR' ? start > 8 : type !== 'pHYs') return null;
    start = end + 4;
  }
  return null;
}

/** So many bytes, or null where the stream is damaged or has another length. */
function inflated(data: Buffer, length: number): Buffer | null {
  try {
    const lines = inflateSync(data, { maxOutputLength: length });
    return lines.length === length ? lines : null;
  } catch {
    return null;
  }
}

/** Undoes each line's filter, whose number stands before it, in place. @returns false for a number that is none */
function unfilter(lines: Buffer, { width, height, channels }: Header): boolean {
  const stride = 1 + width * channels;
  for (let row = 0; row < height; row += 1) {
    const start = row * stride + 1;
    const filter = lines[start - 1]!;
    if (filter > 4) return false;
    for (let place = start; filter > 0 && place < start + stride - 1; place += 1) {
      const left = place < start + channels ? 0 : lines[place - channels]!;
      const up = row === 0 ? 0 : lines[place - stride]!;
      const corner = row === 0 || place < start + channels ? 0 : lines[place - stride - channels]!;
      lines[place]! += predicted(filter, left, up, corner);
    }
  }
  return true;
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left;
  if (filter === 2) return up;
  return filter === 3 ? (left + up) >> 1 : nearest(left, up, corner);
}

/** Paeth's: that of the three which is nearest to left + up − corner, the first of equals. */
function nearest(left: number, up: number, corner: number): number {
  const [byLeft, byUp, byCorner] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (byLeft <= byUp && byLeft <= byCorner) return left;
  return byUp <= byCorner ? up : corner;
}

/** `[height, width, 3]` of lines with their filters' numbers. */
function toRgb(lines: Buffer, { width, height, channels }: Header): Uint8Array {
  const data = Buffer.allocUnsafeSlow(width * height * 3);
  const stride = 1 + width * channels;
  let to = 0;
  for (let row = 0; row < height; row += 1) {
    if (channels === 3) {
      to += lines.copy(data, to, row * stride + 1, (row + 1) * stride);
      continue;
    }
    for (let place = row * stride + 1; place < (row + 1) * stride; place += 1, to += 3)
      data[to] = data[to + 1] = data[to + 2] = lines[place]!;
  }
  return data;
}
