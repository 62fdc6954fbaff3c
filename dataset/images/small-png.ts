// Small PNGs of plain colours, decoded here: for them the decoder's call costs many times what the work does.
import { crc32, inflateSync } from 'node:zlib';
import type { RgbImage } from './image-decode.ts';

/** Pixels up to which a picture is decoded here, on the thread that asks. */
const MAX_PIXELS = 256 * 256;

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** A chunk's length, type and checksum stand around its data. */
const CHUNK_BYTES = 12;

const HEADER_BYTES = 13;

/** Chunks that say nothing about pixels. */
const SILENT_CHUNKS = new Set(['pHYs', 'tIME', 'tEXt']);

/** Bytes of a pixel by the header's bit depth and colour type: 8 bits of grey, or of red, green and blue. */
const PIXEL_BYTES: Readonly<Record<number, number>> = { 0x0800: 1, 0x0802: 3 };

/**
 * Decodes a PNG of 8-bit grey or red, green and blue, not interlaced, without a chunk that changes colours or a fault.
 * Its pixels follow from the specification, so they are every decoder's.
 * @returns null for any other picture, sound or not
 * @see PNG specification, third edition, §5, §9
 */
export function decodeSmallPng(bytes: Uint8Array): RgbImage | null {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const chunks = file.subarray(0, SIGNATURE.length).equals(SIGNATURE) ? soundChunks(file) : null;
  if (chunks === null) return null;
  const { header, data } = chunks;
  const [width, height, step] = [header.readUInt32BE(0), header.readUInt32BE(4), PIXEL_BYTES[header.readUInt16BE(8)]];
  // The only methods of compression and filtering that there are; not interlaced.
  const isPlain = header[10] === 0 && header[11] === 0 && header[12] === 0;
  if (step === undefined || !isPlain || width === 0 || height === 0 || width * height > MAX_PIXELS) return null;
  const stride = width * step;
  const lines = inflate(data, height * (1 + stride));
  const samples = lines === null ? null : unfilter(lines, height, stride, step);
  if (samples === null) return null;
  return { width, height, data: step === 1 ? greyToRgb(samples) : samples };
}

/** Header and data of a file of whole chunks; null for another. */
function soundChunks(file: Buffer): { header: Buffer; data: Buffer } | null {
  const parts: Buffer[] = [];
  let header: Buffer | null = null;
  let place = SIGNATURE.length;
  while (place + CHUNK_BYTES <= file.length) {
    const end = place + CHUNK_BYTES + file.readUInt32BE(place);
    if (end > file.length) return null;
    const type = file.toString('latin1', place + 4, place + 8);
    const content = file.subarray(place + 8, end - 4);
    if (crc32(file.subarray(place + 4, end - 4)) !== file.readUInt32BE(end - 4)) return null;
    if (type === 'IEND') {
      if (header === null || content.length > 0 || end !== file.length) return null;
      return { header, data: Buffer.concat(parts) };
    }
    if (header === null && type === 'IHDR' && content.length === HEADER_BYTES) header = content;
    else if (header !== null && type === 'IDAT') parts.push(content);
    else if (header === null || !SILENT_CHUNKS.has(type)) return null;
    place = end;
  }
  return null;
}

function inflate(data: Buffer, length: number): Buffer | null {
  try {
    const lines = inflateSync(data, { maxOutputLength: length, chunkSize: Math.max(64, length) });
    return lines.length === length ? lines : null;
  } catch {
    return null;
  }
}

/** Undoes the filters, `[height, 1 + stride]` → `[height, stride]`; null for a filter that there is not. */
function unfilter(lines: Buffer, height: number, stride: number, step: number): Uint8Array | null {
  const samples = new Uint8Array(height * stride);
  let above = new Uint8Array(stride);
  for (let row = 0; row < height; row += 1) {
    const from = row * (stride + 1);
    const line = samples.subarray(row * stride, (row + 1) * stride);
    line.set(lines.subarray(from + 1, from + 1 + stride));
    if (!undoLine(lines[from]!, line, above, step)) return null;
    above = line;
  }
  return samples;
}

/** One line in place: x plus what its filter foretells of left a, above b and above left c, modulo 256. */
function undoLine(filter: number, line: Uint8Array, above: Uint8Array, step: number): boolean {
  if (filter > 4) return false;
  if (filter === 2) for (let place = 0; place < line.length; place += 1) line[place]! += above[place]!;
  if (filter === 0 || filter === 2) return true;
  for (let place = 0; place < line.length; place += 1) {
    const a = place < step ? 0 : line[place - step]!;
    const b = above[place]!;
    if (filter === 1) line[place]! += a;
    else if (filter === 3) line[place]! += (a + b) >> 1;
    else line[place]! += paeth(a, b, place < step ? 0 : above[place - step]!);
  }
  return true;
}

/** Whichever of a, b, c is nearest to a + b − c; a before b before c. */
function paeth(a: number, b: number, c: number): number {
  const [fromA, fromB, fromC] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  if (fromA <= fromB && fromA <= fromC) return a;
  return fromB <= fromC ? b : c;
}

function greyToRgb(samples: Uint8Array): Uint8Array {
  const data = new Uint8Array(samples.length * 3);
  for (let pixel = 0; pixel < samples.length; pixel += 1) {
    const place = pixel * 3;
    data[place] = data[place + 1] = data[place + 2] = samples[pixel]!;
  }
  return data;
}
