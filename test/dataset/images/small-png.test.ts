import { readFileSync } from 'node:fs';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { decodeImage } from '../../../dataset/images/image-decode.ts';
import { decodeSmallPng } from '../../../dataset/images/small-png.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const END = chunk('IEND', Buffer.alloc(0));

function chunk(type: string, data: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

function header(width: number, height: number, { depth = 8, colours = 2, interlace = 0 } = {}): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([depth, colours, 0, 0, interlace], 8);
  return chunk('IHDR', data);
}

/** Two lines of two pixels, each line behind the number of its filter. */
const LINES = Buffer.from([0, 1, 2, 3, 4, 5, 6, 1, 7, 8, 9, 10, 11, 12]);

function pngOf(...chunks: Buffer[]): Buffer {
  return Buffer.concat([SIGNATURE, ...chunks]);
}

/** Lines of noise, each behind the next of the five filters' numbers: any bytes are a picture's. */
function everyFilter(width: number, height: number, channels: number): Uint8Array {
  const stride = 1 + width * channels;
  const lines = Buffer.alloc(height * stride);
  return lines.map((_, place) =>
    place % stride === 0 ? (place / stride) % 5 : Math.imul(place + 1, 2654435761) >>> 24,
  );
}

async function bySharp(bytes: Uint8Array): Promise<{ width: number; height: number; data: Buffer }> {
  const image = sharp(bytes, { failOn: 'truncated' }).toColourspace('srgb').raw();
  const { data, info } = await image.toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

describe('a small plain PNG has the pixels that sharp gives it', () => {
  test.each([
    [1, 1],
    [3, 7],
    [56, 56],
    [256, 256],
  ])('%i × %i in grey and in RGB, by all five filters', async (width, height) => {
    for (const [colours, channels] of [
      [0, 1],
      [2, 3],
    ] as const) {
      const lines = deflateSync(everyFilter(width, height, channels));
      const png = pngOf(header(width, height, { colours }), chunk('IDAT', lines), END);
      const decoded = decodeSmallPng(png);
      expect(decoded).not.toBeNull();
      expect({ ...decoded, data: Buffer.from(decoded!.data) }).toEqual(await bySharp(png));
    }
  });

  test('in several pieces, with its size in print, as part of a larger buffer', async () => {
    const data = deflateSync(LINES);
    const pieces = [data.subarray(0, 3), Buffer.alloc(0), data.subarray(3)].map((part) => chunk('IDAT', part));
    const png = pngOf(header(2, 2), chunk('pHYs', Buffer.alloc(9, 1)), ...pieces, END);
    const within = Buffer.concat([Buffer.alloc(5), png, Buffer.alloc(5)]).subarray(5, 5 + png.length);
    expect(Buffer.from(decodeSmallPng(within)!.data)).toEqual((await bySharp(png)).data);
  });

  test('and is what is decoded', async () => {
    const bytes = readFileSync('examples/demo/data/images/train/digit_read-00000.png');
    const decoded = await decodeImage(bytes);
    if (isRejection(decoded)) throw new Error(decoded.detail);
    expect(decodeSmallPng(bytes)).toEqual(decoded);
    expect(Buffer.from(decoded.data)).toEqual((await bySharp(bytes)).data);
  });
});

describe('left to the decoder of all pictures is', () => {
  const data = chunk('IDAT', deflateSync(LINES));
  const wrongSum = Buffer.from(data);
  wrongSum[wrongSum.length - 1]! ^= 1;
  const wrongEnd = deflateSync(LINES);
  wrongEnd[wrongEnd.length - 1]! ^= 1;
  const noFilter = Buffer.from(LINES);
  noFilter[7] = 5;
  const cases: Record<string, Buffer> = {
    'a picture of no pixels': pngOf(header(0, 2), data, END),
    'a large one': pngOf(header(257, 256), chunk('IDAT', deflateSync(everyFilter(257, 256, 3))), END),
    'one of 16 bits': pngOf(header(1, 2, { depth: 16 }), data, END),
    'one with a palette': pngOf(header(6, 2, { colours: 3 }), chunk('PLTE', Buffer.alloc(48)), data, END),
    'one with alpha': pngOf(header(1, 2, { colours: 6 }), data, END),
    'an interlaced one': pngOf(header(2, 2, { interlace: 1 }), data, END),
    'one with transparent levels': pngOf(header(2, 2), chunk('tRNS', Buffer.alloc(6)), data, END),
    'one with a profile of colours': pngOf(header(2, 2), chunk('gAMA', Buffer.alloc(4, 1)), data, END),
    'a second header': pngOf(header(2, 2), header(2, 2), data, END),
    'a wrong checksum': pngOf(header(2, 2), wrongSum, END),
    'a wrong checksum of the pixels': pngOf(header(2, 2), chunk('IDAT', wrongEnd), END),
    'no end': pngOf(header(2, 2), data),
    'bytes behind the end': pngOf(header(2, 2), data, END, Buffer.from('more')),
    'too few pixels': pngOf(header(2, 3), data, END),
    'too many pixels': pngOf(header(2, 1), data, END),
    'a filter that is none': pngOf(header(2, 2), chunk('IDAT', deflateSync(noFilter)), END),
    'a chunk longer than the file': pngOf(header(2, 2), data.subarray(0, -5), END.subarray(0, 3)),
    'another kind of file': Buffer.alloc(100, 'GIF8'),
    'an empty file': Buffer.alloc(0),
  };

  test.each(Object.entries(cases))('%s', (_, png) => {
    expect(decodeSmallPng(png)).toBeNull();
  });

  test('a picture with one changed byte, but where sharp shows it all the same', async () => {
    const png = readFileSync('examples/demo/data/images/train/digit_read-00000.png');
    for (let place = 0; place < png.length; place += 7) {
      const changed = Buffer.from(png);
      changed[place]! ^= 0x55;
      const decoded = decodeSmallPng(changed);
      if (decoded !== null) expect(Buffer.from(decoded.data)).toEqual((await bySharp(changed)).data);
    }
  });
});
