// Lines of a chart.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { curveWords, extent, pathOf, smoothed, thinned, ticks } from '../../../page/app/logic/curve.ts';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });

test('a range holds all numbers and is never empty', () => {
  expect(extent([[1, NaN, 3], [-2]])).toEqual([-2, 3]);
  expect(extent([])).toEqual([0, 1]);
  expect(extent([[4, 4]])).toEqual([2, 6]);
  expect(extent([[0]])).toEqual([-0.5, 0.5]);
});

test('ticks are round and lie in the range', () => {
  expect(ticks([0, 700], 6)).toEqual([0, 100, 200, 300, 400, 500, 600, 700]);
  expect(ticks([0.4, 9], 4)).toEqual([2, 4, 6, 8]);
  expect(ticks([0.77, 2.4], 4)).toEqual([1, 1.5, 2]);
  expect(ticks([0, 2e-4], 4)).toEqual([0, 5e-5, 1e-4, 1.5e-4, 2e-4]);
});

test('a thinned line has few points, its ends, its lowest and its highest', () => {
  fc.assert(
    fc.property(fc.array(finite, { minLength: 3, maxLength: 900 }), fc.integer({ min: 10, max: 200 }), (ys, most) => {
      const xs = ys.map((_, index) => index);
      const few = thinned({ name: 'a', xs, ys }, most);
      expect(few.xs.length).toBeLessThanOrEqual(most);
      expect([few.xs[0], few.xs.at(-1)]).toEqual([0, ys.length - 1]);
      expect(Math.min(...few.ys)).toBe(Math.min(...ys));
      expect(Math.max(...few.ys)).toBe(Math.max(...ys));
      expect(few.xs).toEqual([...few.xs].sort((left, right) => left - right));
    }),
  );
});

test('a smoothed line has the mean of what is around, and does not lag', () => {
  const line = (ys: number[]) => ({ name: 'a', xs: ys.map((_, index) => index), ys });
  expect(smoothed(line([3, 1, 2])).ys).toEqual([3, 1, 2]);
  const falling = Array.from({ length: 80 }, (_, index) => 80 - index);
  expect(smoothed(line(falling)).ys.slice(2, -2)).toEqual(falling.slice(2, -2));
  expect(smoothed(line(falling)).ys[0]).toBe(79);
  const noisy = falling.map((_, index) => index % 5);
  expect(smoothed(line(noisy)).ys.slice(2, -2)).toEqual(Array.from({ length: 76 }, () => 2));
  const broken = smoothed(line(falling.map((value, index) => (index === 40 ? NaN : value)))).ys;
  expect([broken[40], broken[41]]).toEqual([NaN, (41 + 39 + 38 + 37) / 4]);
});

test('a path goes upwards with its values and is interrupted by what is no number', () => {
  const line = { name: 'a', xs: [0, 5, 7, 10], ys: [0, 5, NaN, 10] };
  expect(pathOf(line, [0, 10], [0, 10], 100, 50)).toBe('M0,50L50,25M100,0');
});

test('a curve is said in words', () => {
  const write = (value: number): string => value.toFixed(2);
  expect(curveWords([{ name: 'warmup', xs: [1, 288], ys: [2.31, 0.84] }], write)).toBe(
    'warmup falls from 2.31 to 0.84 in 288 steps',
  );
  expect(curveWords([{ name: 'tive', xs: [], ys: [] }], write)).toBe('tive has no points');
});
