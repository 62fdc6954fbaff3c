// Small PNGs: equal to sharp's pixels, or left to it.
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeSmallPng } from '../../../dataset/images/small-png.ts';

const [WIDTH, HEIGHT] = [7, 5];

const noise = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 97 + index ** 2) % 256);

function chunk(type: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const bytes = Buffer.alloc(body.length + 8);
  bytes.writeUInt32BE(content.length);
  body.copy(bytes, 4);
  bytes.writeUInt32BE(crc32(body), body.length + 4);
  return bytes;
}

/** A PNG of noise whose lines have the filters in turn. */
function png(header: number[], pixelBytes: number, filters: readonly number[], extra: Buffer[] = []): Buffer {
  const size = Buffer.alloc(8);
  size.writeUInt32BE(WIDTH);
  size.writeUInt32BE(HEIGHT, 4);
  const lines = noise(HEIGHT * (1 + WIDTH * pixelBytes));
  for (let row = 0; row < HEIGHT; row += 1) lines[row * (1 + WIDTH * pixelBytes)] = filters[row % filters.length]!;
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', Buffer.concat([size, Buffer.from(header)])),
    ...extra,
    chunk('IDAT', deflateSync(lines)),
    chunk('IEND', new Uint8Array()),
  ]);
}

const GREY = [8, 0, 0, 0, 0];
const COLOUR = [8, 2, 0, 0, 0];

describe('decodeSmallPng', () => {
  it.each([
    ['grey', GREY, 1],
    ['colour', COLOUR, 3],
  ])('gives the pixels that sharp gives, under every filter: %s', async (_, header, pixelBytes) => {
    for (const filters of [[0], [1], [2], [3], [4], [4, 3, 2, 1, 0]]) {
      const bytes = png(header, pixelBytes, filters);
      const expected = await sharp(bytes).toColourspace('srgb').raw().toBuffer();
      expect(decodeSmallPng(bytes)).toEqual({ width: WIDTH, height: HEIGHT, data: new Uint8Array(expected) });
    }
  });

  it('passes over chunks that say nothing about pixels', () => {
    const plain = decodeSmallPng(png(COLOUR, 3, [4]));
    expect(decodeSmallPng(png(COLOUR, 3, [4], [chunk('pHYs', new Uint8Array(9))]))).toEqual(plain);
  });

  it.each([
    ['16 bits', png([16, 2, 0, 0, 0], 6, [0])],
    ['alpha', png([8, 6, 0, 0, 0], 4, [0])],
    ['interlaced', png([8, 2, 0, 0, 1], 3, [0])],
    ['a filter that there is not', png(COLOUR, 3, [5])],
    ['too few lines', png(COLOUR, 1, [0])],
    ['too many lines', png(GREY, 3, [0])],
    ['a chunk that changes colours', png(COLOUR, 3, [0], [chunk('gAMA', Buffer.from([0, 0, 0x80, 0]))])],
    ['a cut file', png(COLOUR, 3, [0]).subarray(0, -20)],
    ['nothing but a signature', png(COLOUR, 3, [0]).subarray(0, 8)],
    ['bytes behind the end', Buffer.concat([png(COLOUR, 3, [0]), Buffer.from([0])])],
    ['another type', Buffer.from('GIF89a')],
  ])('leaves to the decoder: %s', (_, bytes) => {
    expect(decodeSmallPng(bytes)).toBeNull();
  });

  it('leaves a file with a changed byte to the decoder, wherever it is', () => {
    const bytes = png(COLOUR, 3, [4]);
    for (let place = 0; place < bytes.length; place += 1) {
      const changed = Buffer.from(bytes);
      changed[place]! ^= 1;
      expect(decodeSmallPng(changed)).toBeNull();
    }
  });
});
