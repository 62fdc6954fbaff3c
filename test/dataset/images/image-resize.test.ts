import { describe, expect, test } from 'vitest';
import type { RgbImage } from '../../../dataset/images/image-decode.ts';
import { resizeImage } from '../../../dataset/images/image-resize.ts';

describe('resizing', () => {
  const image = (
    width: number,
    height: number,
    level: (x: number, y: number, channel: number) => number,
  ): RgbImage => ({
    width,
    height,
    data: Uint8Array.from({ length: width * height * 3 }, (_, place) =>
      level(Math.floor(place / 3) % width, Math.floor(place / 3 / width), place % 3),
    ),
  });

  test('keeps a picture of the same size and one of a single colour', () => {
    const noise = image(5, 3, (x, y, channel) => (x * 71 + y * 37 + channel * 11) % 256);
    expect(resizeImage(noise, 5, 3, 'bicubic')).toEqual(noise);
    expect(
      resizeImage(
        image(7, 5, () => 93),
        11,
        2,
        'bicubic',
      ),
    ).toEqual(image(11, 2, () => 93));
  });

  test('a part is what a crop of the whole is, and a large picture leaves nothing behind', () => {
    const noise = image(61, 47, (x, y) => ((x * 7919 + y * 104729) >>> 3) & 255);
    const part = { left: 5, top: 3, width: 11, height: 9 };
    for (const filter of ['bilinear', 'bicubic', 'lanczos'] as const) {
      for (const [width, height] of [
        [24, 30],
        [90, 47],
        [61, 20],
        [61, 47],
      ] as const) {
        // oxfmt-ignore
        const whole = resizeImage(noise, width, height, filter);
        const cut = image(11, 9, (x, y) => whole.data[((y + 3) * width + x + 5) * 3]!);
        expect(resizeImage(noise, width, height, filter, part)).toEqual(cut);
      }
    }
    const large = { width: 5000, height: 5000, data: new Uint8Array(5000 * 5000 * 3).fill(93) };
    expect(resizeImage(large, 4, 4, 'bicubic').data).toEqual(new Uint8Array(48).fill(93));
    expect(resizeImage(noise, 24, 30, 'bicubic')).toEqual(resizeImage(noise, 24, 30, 'bicubic'));
  });

  test('enlarges an edge by the cubic kernel of a = −0.5, cut and normalised at the border', () => {
    const levels = [60, 100, 180, 40];
    const kernel = (x: number): number =>
      x < 1 ? 1.5 * x ** 3 - 2.5 * x ** 2 + 1 : x < 2 ? -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2 : 0;
    const wanted = Array.from({ length: 8 }, (_, output) => {
      const weights = levels.map((_level, x) => kernel(Math.abs(x + 0.5 - (output + 0.5) / 2)));
      return (
        levels.reduce((sum, level, x) => sum + level * weights[x]!, 0) /
        weights.reduce((sum, weight) => sum + weight, 0)
      );
    });
    const wide = resizeImage(
      image(4, 1, (x) => levels[x]!),
      8,
      1,
      'bicubic',
    ).data.filter((_, place) => place % 3 === 0);
    const tall = resizeImage(
      image(1, 4, (_, y) => levels[y]!),
      1,
      8,
      'bicubic',
    ).data.filter((_, place) => place % 3 === 0);
    expect(wide).toBeAllclose(wanted, { rtol: 0, atol: 0.501 });
    expect(tall).toEqual(wide);
  });

  test('clips overshoot at the edges of the scale', () => {
    const { data } = resizeImage(
      image(8, 1, (x) => (x < 4 ? 0 : 255)),
      16,
      1,
      'bicubic',
    );
    expect([Math.min(...data), Math.max(...data)]).toEqual([0, 255]);
    expect(data.slice(0, 7 * 3).every((level) => level === 0)).toBe(true);
    expect(data.slice(9 * 3).every((level) => level === 255)).toBe(true);
  });
});
