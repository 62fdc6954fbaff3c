import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PARAMETERS, PICTURE_OPERATIONS } from '../../../contracts/augmentation.ts';
import { changePicture, pictureChanger } from '../../../dataset/images/change-picture.ts';
import type { Colour } from '../../../dataset/images/change-picture.ts';
import type { RgbImage } from '../../../dataset/images/image-decode.ts';
import { readMeanColour } from '../../../dataset/images/image-settings.ts';
import { resizeImage } from '../../../dataset/images/image-resize.ts';

const MEAN: Colour = [122, 116, 104];

/** A picture of which every pixel says where it is. */
function numbered(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let place = 0; place < width * height; place += 1)
    data.set([place % width, Math.floor(place / width), (place * 7) % 256], place * 3);
  return { width, height, data };
}

const plain = (width: number, height: number, colour: Colour): RgbImage => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, place) => colour[place % 3]!),
});

const pixel = ({ width, data }: RgbImage, column: number, row: number): number[] => [
  ...data.subarray((row * width + column) * 3, (row * width + column) * 3 + 3),
];

describe('a border', () => {
  test('takes the parts of the edges, rounded down, in the mean colour, and leaves the picture made small within', () => {
    const picture = numbered(100, 60);
    const changed = changePicture(picture, { operation: 'border', parameter: 0.05 }, MEAN);
    const inner = resizeImage(picture, 90, 54, 'bicubic');
    for (let row = 0; row < 60; row += 1) {
      for (let column = 0; column < 100; column += 1) {
        const isInside = column >= 5 && column < 95 && row >= 3 && row < 57;
        expect(pixel(changed, column, row)).toEqual(isInside ? pixel(inner, column - 5, row - 3) : [...MEAN]);
      }
    }
  });

  test('of a picture of one colour leaves that colour within', () => {
    const changed = changePicture(plain(40, 40, [10, 20, 30]), { operation: 'border', parameter: 0.03 }, MEAN);
    const counts = new Map<string, number>();
    for (let row = 0; row < 40; row += 1)
      for (let column = 0; column < 40; column += 1) {
        const name = pixel(changed, column, row).join(' ');
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    expect(counts).toEqual(
      new Map([
        [MEAN.join(' '), 40 * 40 - 38 * 38],
        ['10 20 30', 38 * 38],
      ]),
    );
  });

  test('is none where an edge is too short for a pixel of it', () => {
    const picture = numbered(19, 19);
    expect(changePicture(picture, { operation: 'border', parameter: 0.05 }, MEAN)).toEqual(picture);
  });
});

describe('a crop', () => {
  test('is the middle of at least its part of the area, made as large as the picture was', () => {
    const picture = numbered(100, 50);
    const changed = changePicture(picture, { operation: 'crop', parameter: 0.95 }, MEAN);
    // ⌈100 √0.95⌉ = 98, ⌈50 √0.95⌉ = 49.
    expect((98 * 49) / (100 * 50)).toBeGreaterThanOrEqual(0.95);
    const middle: RgbImage = { width: 98, height: 49, data: new Uint8Array(98 * 49 * 3) };
    for (let row = 0; row < 49; row += 1)
      for (let column = 0; column < 98; column += 1)
        middle.data.set(pixel(picture, column + 1, row), (row * 98 + column) * 3);
    expect(changed).toEqual(resizeImage(middle, 100, 50, 'bicubic'));
  });
});

test('a flip puts every pixel at the other side of its row, and twice gives the picture', () => {
  const picture = numbered(7, 4);
  const flip = { operation: 'flip', parameter: 0 } as const;
  const changed = changePicture(picture, flip, MEAN);
  for (let row = 0; row < 4; row += 1)
    for (let column = 0; column < 7; column += 1)
      expect(pixel(changed, column, row)).toEqual(pixel(picture, 6 - column, row));
  expect(changePicture(changed, flip, MEAN)).toEqual(picture);
});

test.each([
  [0.05, [0, 105, 210, 255]],
  [-0.05, [0, 95, 190, 242]],
  [0.02, [0, 102, 204, 255]],
])('brightness by %s makes of 0, 100, 200, 255 the levels %j', (parameter, wanted) => {
  const picture: RgbImage = { width: 4, height: 1, data: new Uint8Array([0, 100, 200, 255].flatMap((v) => [v, v, v])) };
  const { data } = changePicture(picture, { operation: 'brightness', parameter }, MEAN);
  expect([...data]).toEqual(wanted.flatMap((level) => [level, level, level]));
});

test('resampling is a resize to the part of the edges, rounded, and back', () => {
  const picture = numbered(50, 33);
  const changed = changePicture(picture, { operation: 'resample', parameter: 0.7 }, MEAN);
  expect(changed).toEqual(resizeImage(resizeImage(picture, 35, 23, 'bicubic'), 50, 33, 'bicubic'));
  expect(changed.data).not.toEqual(picture.data);
});

test('every operation keeps the size, leaves the original as it is, and one colour one colour but for a border', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...PICTURE_OPERATIONS),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 60 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (operation, width, height, part) => {
        const drawn = PARAMETERS[operation];
        const parameter = drawn === null ? 0 : drawn.least + part * (drawn.most - drawn.least);
        const picture = numbered(width, height);
        const before = picture.data.slice();
        const changed = changePicture(picture, { operation, parameter }, MEAN);
        expect([changed.width, changed.height, changed.data.length]).toEqual([width, height, width * height * 3]);
        expect(picture.data).toEqual(before);
        const grey = changePicture(plain(width, height, [100, 100, 100]), { operation, parameter }, [100, 100, 100]);
        expect(new Set(grey.data).size).toBe(1);
      },
    ),
  );
});

describe('the mean colour of a processor', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tive-colour-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test.each([
    [{ 'preprocessor_config.json': { image_mean: [0.48145466, 0.4578275, 0.40821073] } }, [122, 116, 104]],
    [{ 'processor_config.json': { image_processor: { image_mean: [0.5, 0.25, 1] } } }, [127, 63, 255]],
    [{ 'preprocessor_config.json': { image_mean: null } }, [127, 127, 127]],
    [{ 'preprocessor_config.json': { image_mean: [0.5] } }, [127, 127, 127]],
    [{}, [127, 127, 127]],
  ])('of %j is %j', async (files, wanted) => {
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(content));
    expect(await readMeanColour(folder)).toEqual(wanted);
  });

  test('of a folder that is gone is asked for by a border alone', async () => {
    const change = pictureChanger(join(folder, 'gone'));
    const picture = numbered(30, 30);
    expect(await change(picture, { operation: 'flip', parameter: 0 })).toEqual(
      changePicture(picture, { operation: 'flip', parameter: 0 }, MEAN),
    );
    await expect(change(picture, { operation: 'border', parameter: 0.05 })).rejects.toThrow(
      'model.path: folder must be there for the mean colour of its pictures, got',
    );
    await mkdir(join(folder, 'gone'));
    const again = pictureChanger(join(folder, 'gone'));
    expect(pixel(await again(picture, { operation: 'border', parameter: 0.05 }), 0, 0)).toEqual([127, 127, 127]);
  });
});
