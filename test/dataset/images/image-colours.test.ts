import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cmykToRgb, grey16ToRgb } from '../../../dataset/images/image-colours.ts';
import { decodeImage } from '../../../dataset/images/image-decode.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';

const folder = join(import.meta.dirname, '../../golden/pictures');
const { width, height, pixels } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
  width: number;
  height: number;
  pixels: Record<string, string>;
};

/** AV1 decoders differ by a level or two. */
const AVIF_LEVELS = 2;

describe('pictures of every kind of colour have the pixels that Pillow gives them', () => {
  const names = Object.keys(pixels).filter((name) => !/^42.\.avif$/.test(name));

  test.each(names)('%s', async (name) => {
    const decoded = await decodeImage(readFileSync(join(folder, name)));
    if (isRejection(decoded)) throw new Error(decoded.detail);
    expect([decoded.width, decoded.height]).toEqual([width, height]);
    const wanted = Buffer.from(pixels[name]!, 'base64');
    expect(decoded.data).toHaveLength(wanted.length);
    const most = wanted.reduce((worst, level, place) => Math.max(worst, Math.abs(level - decoded.data[place]!)), 0);
    expect(most).toBeLessThanOrEqual(name.endsWith('.avif') ? AVIF_LEVELS : 0);
  });

  test('of all that are there', () => {
    expect(readdirSync(folder).sort()).toEqual([...Object.keys(pixels), 'expected.json'].sort());
    expect(names.length).toBeGreaterThan(20);
  });
});

test.each(['420.avif', '422.avif'])(
  '%s, whose colours decoders enlarge in different ways, is set aside',
  async (name) => {
    expect(await decodeImage(readFileSync(join(folder, name)))).toEqual({
      reason: 'image_type_unsupported',
      detail:
        'image must be AVIF of full colour resolution (4:4:4), got 4:2:0 or 4:2:2, which decoders enlarge in different ways; ' +
        'convert it to PNG or JPEG',
    });
  },
);

test('ink takes its part of what the paper reflects', () => {
  const rgb = (...inks: number[]): number[] => [...cmykToRgb(Uint8Array.from(inks))];
  expect(rgb(0, 0, 0, 0)).toEqual([255, 255, 255]);
  expect(rgb(255, 0, 128, 0)).toEqual([0, 255, 127]);
  expect(rgb(0, 51, 255, 155)).toEqual([100, 80, 0]);
});

test('levels above 255 are white', () => {
  expect([...grey16ToRgb(Uint16Array.from([7, 255, 256, 65_535]))]).toEqual(
    [7, 255, 255, 255].flatMap((v) => [v, v, v]),
  );
});
