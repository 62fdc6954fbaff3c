import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { thinCurve } from '../../algorithms/thin-curve.ts';

const values = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 900 });
const limit = fc.integer({ min: 4, max: 200 });

describe('a thinned curve', () => {
  test('of few points has all of them', () => {
    expect(thinCurve([3, 1, 2], 4)).toEqual([0, 1, 2]);
    expect(thinCurve([], 4)).toEqual([]);
  });

  test('keeps of every stretch the lowest and the highest, and the ends', () => {
    //                 0  1  2  3 | 4  5  6  7 | 8
    expect(thinCurve([5, 1, 9, 5, 5, 7, 5, 2, 5], 8)).toEqual([0, 1, 2, 5, 7, 8]);
  });

  test('keeps to the limit and loses neither its ends nor its lowest and highest', () => {
    fc.assert(
      fc.property(values, limit, (all, most) => {
        const places = thinCurve(all, most);
        expect(places.length).toBeLessThanOrEqual(most);
        expect(places).toEqual([...new Set(places)].sort((left, right) => left - right));
        expect([places[0], places.at(-1)]).toEqual([0, all.length - 1]);
        const kept = places.map((place) => all[place]!);
        expect([Math.min(...kept), Math.max(...kept)]).toEqual([Math.min(...all), Math.max(...all)]);
      }),
    );
  });

  test('that grows does not get a point back that it has left out', () => {
    fc.assert(
      fc.property(values, limit, fc.integer({ min: 1, max: 899 }), (all, most, cut) => {
        const before = all.slice(0, cut);
        const known = new Set(thinCurve(before, most));
        for (const place of thinCurve(all, most)) if (place < before.length) expect(known).toContain(place);
      }),
    );
  });

  test('of 100,000 points is as short', () => {
    const losses = Float64Array.from({ length: 100_000 }, (_, step) => Math.exp(-step / 20_000) + Math.sin(step) / 10);
    const places = thinCurve(losses, 240);
    expect(places.length).toBeGreaterThan(120);
    expect(places.length).toBeLessThanOrEqual(240);
  });
});
