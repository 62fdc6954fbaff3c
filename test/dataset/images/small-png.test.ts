import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { decodeSmallPng } from '../../../dataset/images/small-png.ts';

const [WIDTH, HEIGHT] = [23, 17];

/** Levels without a pattern. */
function levels(channels: number): Uint8Array {
  return Uint8Array.from({ length: WIDTH * HEIGHT * channels }, (_, index) => (index * index * 31 + 7 * index) % 256);
}

function chunk(kind: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(kind, 'latin1'), content]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/** A PNG of lines with one filter each, the bytes behind it as they are. */
function pngOf(channels: 1 | 3, filters: readonly number[], { split = false, more = [] as Buffer[] } = {}): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(WIDTH);
  header.writeUInt32BE(HEIGHT, 4);
  header.set([8, channels === 1 ? 0 : 2], 8);
  const values = levels(channels);
  const lines = Array.from(
    { length: HEIGHT },
    (_, row) =>
    Buffer.from([filters[row % filters.length]!, ...values.subarray(row * WIDTH * channels, (row + 1) * WIDTH * channels)]), // oxfmt-ignore
  );
  const data = deflateSync(Buffer.concat(lines));
  const parts = split ? [data.subarray(0, 5), data.subarray(5)] : [data];
  const chunks = [chunk('IHDR', header), ...more, ...parts.map((part) => chunk('IDAT', part)), chunk('IEND', Buffer.alloc(0))]; // oxfmt-ignore
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...chunks]);
}

async function bySharp(bytes: Uint8Array): Promise<Uint8Array> {
  return sharp(bytes, { ignoreIcc: true }).removeAlpha().toColourspace('srgb').raw().toBuffer();
}

async function expectSame(bytes: Uint8Array): Promise<void> {
  const found = decodeSmallPng(bytes);
  expect(found?.data).toEqual(new Uint8Array(await bySharp(bytes)));
}

describe('a small plain PNG', () => {
  test.each([
    ['grey', 1],
    ['RGB', 3],
  ] as const)('in %s has the pixels that the decoder gives, with every filter', async (_, channels) => {
    for (const filters of [[0], [1], [2], [3], [4], [4, 3, 2, 1, 0]]) await expectSame(pngOf(channels, filters));
  });

  test('may come in pieces, with notes', async () => {
    const notes = [chunk('tEXt', Buffer.from('Title\0x')), chunk('gAMA', Buffer.from([0, 0, 0xb1, 0x8f]))];
    await expectSame(pngOf(3, [2], { split: true, more: notes }));
  });

  test('of the demo has the pixels that the decoder gives', async () => {
    const folder = 'examples/demo/data/images';
    const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.png')).sort();
    for (const name of names.filter((_, index) => index % 97 === 0)) {
      const bytes = await readFile(join(folder, name));
      // Defects are planted among them.
      if (decodeSmallPng(bytes) !== null) await expectSame(bytes);
    }
  });
});

describe('left to the decoder', () => {
  const good = pngOf(3, [1]);
  const changed = (place: number): Buffer => {
    const bytes = Buffer.from(good);
    bytes[place]! ^= 1;
    return bytes;
  };

  test.each([
    ['is cut', good.subarray(0, -20)],
    ['lacks its end', good.subarray(0, -12)],
    ['has a bit of its data wrong', changed(60)],
    ['has a bit of its size wrong', changed(19)],
    ['has a filter that there is not', pngOf(3, [5])],
    ['has a transparent colour', pngOf(3, [0], { more: [chunk('tRNS', Buffer.alloc(6))] })],
    ['has a chunk that is not known', pngOf(3, [0], { more: [chunk('abcd', Buffer.alloc(1))] })],
  ])('is one that %s', (_, bytes) => {
    expect(decodeSmallPng(good)).not.toBeNull();
    expect(decodeSmallPng(bytes)).toBeNull();
  });

  test.each([
    ['transparency', { channels: 4 as const, width: 4, height: 4 }],
    ['many pixels', { channels: 3 as const, width: 257, height: 256 }],
  ])('is one of %s', async (_, { channels, width, height }) => {
    const raw = { channels, width, height };
    const bytes = await sharp(new Uint8Array(channels * width * height).fill(9), { raw })
      .png()
      .toBuffer();
    expect(decodeSmallPng(bytes)).toBeNull();
  });
});
