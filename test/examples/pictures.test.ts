import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  SIDE,
  drawDigits,
  drawGarment,
  drawGarmentPair,
  drawScene,
  type SceneShape,
} from '../../examples/demo/pictures.ts';
import { encodePng } from '../../examples/demo/png.ts';
import { createRandom } from '../../examples/demo/named-random.ts';
import { enlargeBicubic } from '../../examples/demo/resample.ts';
import { shapeMask } from '../../examples/demo/shape-masks.ts';
import { SPLITS, parseDigits, parseIdx, type Sources } from '../../examples/demo/sources.ts';
import { COLORS, COLOR_VALUES, GARMENTS, SHAPES, type Color } from '../../examples/demo/words.ts';
import { greyOfLabel, syntheticSources } from './synthetic-sources.ts';

let sources: Sources;
beforeAll(() => {
  sources = syntheticSources();
});

function pixel(pixels: Uint8Array, row: number, column: number): number[] {
  return [...pixels.subarray(3 * (row * SIDE + column), 3 * (row * SIDE + column) + 3)];
}

/** Greys of garments or digits from left to right: each other grey than the background, column by column. */
function greysFromLeft(pixels: Uint8Array): Set<number> {
  const background = Math.min(...pixels);
  const greys = new Set<number>();
  for (let column = 0; column < SIDE; column += 1) {
    for (let row = 0; row < SIDE; row += 1) greys.add(pixel(pixels, row, column)[0]!);
  }
  greys.delete(background);
  return greys;
}

describe('sources', () => {
  test('no source picture is in two splits and none is lost twice', () => {
    const ids = SPLITS.flatMap((split) => [...sources[split].garments.ids, ...sources[split].digits.ids]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(SPLITS.map((split) => sources[split].garments.ids.length)).toEqual([40_000, 3000, 1000]);
    expect(SPLITS.map((split) => sources[split].digits.ids.length)).toEqual([900, 500, 397]);
    expect(sources.train.garments.ids[0]).toBe('garment-train-40000');
    expect(sources.test.garments.ids.at(-1)).toBe('garment-test-999');
  });

  test('a picture keeps its label through the split', () => {
    for (const split of SPLITS) {
      const { pixels, labels, byLabel, side } = sources[split].digits;
      labels.forEach((label, number) => expect(pixels[number * side * side]).toBe(greyOfLabel(label)));
      byLabel.forEach((numbers, label) => expect(numbers.every((number) => labels[number] === label)).toBe(true));
    }
  });

  test('IDX bytes become an array, and a wrong length is refused', () => {
    const bytes = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6);
    expect(parseIdx(bytes)).toEqual({ shape: [2, 3], values: Uint8Array.of(1, 2, 3, 4, 5, 6) });
    expect(() => parseIdx(bytes.subarray(0, 17))).toThrow('must hold 6 values, got 5');
  });

  test('digits are stretched from 0–16 to 0–255', () => {
    const csv = [
      [...new Array<number>(64).fill(16), 3],
      [...new Array<number>(64).fill(4), 9],
    ].join('\n');
    const { pixels, labels, side } = parseDigits(csv);
    expect([...labels]).toEqual([3, 9]);
    expect(side).toBe(18);
    expect([pixels.length, pixels[0], pixels.at(-1)]).toEqual([2 * 18 * 18, 255, 64]);
    expect(() => parseDigits('1,2,3')).toThrow('line 0 must hold 65 values, got 3');
  });
});

describe('enlarging', () => {
  test('an even picture stays even', () => {
    expect(new Set(enlargeBicubic(new Uint8Array(64).fill(77), 8, 18))).toEqual(new Set([77]));
  });

  test('the same size gives the same picture', () => {
    const picture = Uint8Array.from({ length: 64 }, (_, index) => (index * 37) % 256);
    expect([...enlargeBicubic(picture, 8, 8)]).toEqual([...picture]);
  });

  test('a ramp stays a ramp away from the edges: cubic interpolation is exact for straight lines', () => {
    const ramp = Uint8Array.from({ length: 64 }, (_, index) => 20 * (index % 8));
    const enlarged = enlargeBicubic(ramp, 8, 16);
    for (let column = 4; column < 12; column += 1) {
      const expected = 20 * ((column + 0.5) / 2 - 0.5);
      expect(Math.abs(enlarged[5 * 16 + column]! - expected)).toBeLessThanOrEqual(0.5);
    }
  });

  test('rows and columns are treated alike', () => {
    const picture = Uint8Array.from({ length: 64 }, (_, index) => (index * 91) % 256);
    const turned = picture.map((_, index) => picture[(index % 8) * 8 + Math.floor(index / 8)]!);
    const [a, b] = [enlargeBicubic(picture, 8, 18), enlargeBicubic(turned, 8, 18)];
    expect([...b]).toBeAllclose(
      [...a].map((_, index) => a[(index % 18) * 18 + Math.floor(index / 18)]!),
      { rtol: 0, atol: 1 }, // sums in another order may round otherwise
    );
  });
});

describe('shapes', () => {
  test('each covers its exact area', () => {
    const side = 24;
    const area = (index: number) => shapeMask(SHAPES[index]!, side).reduce((sum, share) => sum + share, 0) / side ** 2;
    const expected = {
      circle: Math.PI / 4,
      square: (22 / 24) ** 2, // one pixel less on each side
      triangle: 1 / 2,
      cross: 2 * 0.34 - 0.34 ** 2,
      star: 5 * 0.5 * (0.5 / 2.3) * Math.sin(Math.PI / 5), // ten triangles ½ · R · r · sin 36°
    };
    expect(SHAPES.map((_, index) => area(index))).toBeAllclose(Object.values(expected), { rtol: 0.04, atol: 0 });
  });

  test('each is symmetric left to right and its edge is smooth', () => {
    for (const shape of SHAPES) {
      const mask = shapeMask(shape, 17);
      const mirrored = mask.map((_, index) => mask[Math.floor(index / 17) * 17 + 16 - (index % 17)]!);
      expect([...mirrored]).toBeAllclose([...mask], { rtol: 0, atol: 1 / 16 }); // one sample on an edge
      expect(Math.max(...mask)).toBe(1);
      if (shape !== 'square') expect(mask.some((share) => share > 0 && share < 1)).toBe(true);
    }
  });

  test('the star points up and the triangle stands on its base', () => {
    const row = (shape: 'star' | 'triangle', y: number) =>
      shapeMask(shape, 20)
        .slice(y * 20, (y + 1) * 20)
        .reduce((sum, share) => sum + share, 0);
    expect(row('star', 0)).toBeGreaterThan(0);
    expect(row('star', 19)).toBe(0);
    expect(row('triangle', 19)).toBeGreaterThan(18);
    expect(row('triangle', 0)).toBeLessThan(1);
  });
});

describe('pictures', () => {
  test('a garment fills 28 × 28 pixels at a multiple of 14 and shows what its content says', () => {
    for (let number = 0; number < 50; number += 1) {
      const { pixels, content, sourceIds } = drawGarment(createRandom('garment', number), sources.train);
      const grey = greyOfLabel(GARMENTS.indexOf(content.garments[0]!));
      const filled = [...pixels.keys()].filter((at) => at % 3 === 0 && pixels[at] === grey).map((at) => at / 3);
      expect(filled).toHaveLength(28 * 28);
      expect([Math.floor(filled[0]! / SIDE) % 14, (filled[0]! % SIDE) % 14]).toEqual([0, 0]);
      expect(sourceIds).toHaveLength(1);
    }
  });

  test('garments of a pair are of two kinds and stand from left to right as the content says', () => {
    for (let number = 0; number < 50; number += 1) {
      const { pixels, content } = drawGarmentPair(createRandom('pair', number), sources.train);
      expect(new Set(content.garments).size).toBe(2);
      expect([...greysFromLeft(pixels)]).toEqual(
        content.garments.map((garment) => greyOfLabel(GARMENTS.indexOf(garment))),
      );
    }
  });

  test('digits stand from left to right as the content says', () => {
    for (let number = 0; number < 60; number += 1) {
      const { pixels, content } = drawDigits(createRandom('digits', number), sources.train, 1 + (number % 3));
      expect([...greysFromLeft(pixels)]).toEqual([...new Set(content.digits)].map(greyOfLabel));
    }
  });

  test('a scene shows each shape in its cell in its color, and nothing elsewhere', () => {
    for (let number = 0; number < 100; number += 1) {
      const random = createRandom('scene', number);
      const cells = random.sample([0, 1, 2, 3], random.integer(0, 5));
      const shapes = cells.map((cell): SceneShape => ({
        cell,
        shape: random.pick(SHAPES),
        color: random.pick(COLORS),
      }));
      const { pixels } = drawScene(random, shapes);
      for (let cell = 0; cell < 4; cell += 1) {
        expect(colorInCell(pixels, cell)).toBe(shapes.find((shape) => shape.cell === cell)?.color ?? null);
      }
    }
  });

  test('a picture survives PNG unchanged, in one channel where it is grey', async () => {
    const grey = drawGarment(createRandom('png'), sources.train).pixels;
    const colored = drawScene(createRandom('png'), [{ cell: 0, shape: 'star', color: 'red' }]).pixels;
    for (const [pixels, channels] of [
      [grey, 1],
      [colored, 3],
    ] as const) {
      const png = await encodePng(pixels);
      expect((await sharp(png).metadata()).channels).toBe(channels);
      expect(new Uint8Array(await sharp(png).toColourspace('srgb').raw().toBuffer())).toEqual(pixels);
    }
  });
});

/** The named color nearest to the most frequent paint of a cell, null where the cell shows the background alone. */
function colorInCell(pixels: Uint8Array, cell: number): Color | null {
  const background = String(pixel(pixels, 0, 0)); // shapes keep one pixel away from their cell's edge
  const counts = new Map<string, number>();
  for (let at = 0; at < 28 * 28; at += 1) {
    const paint = String(pixel(pixels, 28 * Math.floor(cell / 2) + Math.floor(at / 28), 28 * (cell % 2) + (at % 28)));
    if (paint !== background) counts.set(paint, (counts.get(paint) ?? 0) + 1);
  }
  if (counts.size === 0) return null;
  const paint = [...counts]
    .reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0]
    .split(',')
    .map(Number);
  const distance = (color: Color) => Math.hypot(...COLOR_VALUES[color].map((mean, channel) => mean - paint[channel]!));
  return COLORS.reduce((best, color) => (distance(color) < distance(best) ? color : best));
}
