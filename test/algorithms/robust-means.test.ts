import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bootstrapCentre,
  centreOf,
  normalInterval,
  trimmedMean,
  winsorisedMean,
} from '../../algorithms/robust-means.ts';
import { createRandom } from '../../algorithms/random-stream.ts';
import { SIX_DIGITS } from './worked-example.ts';

const NORMS = [1, 2, 3, 4, 100];
const KINDS = ['mean', 'trimmed', 'winsorised', 'median'] as const;
const OPTIONS = { confidence: 0.95, resampleCount: 400, stream: 'bootstrap', seed: 42 };
const numbers = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 60 });

describe('a robust mean', () => {
  test('has the values of the worked example', () => {
    expect([centreOf(NORMS, 'mean'), trimmedMean(NORMS, 0.2), centreOf(NORMS, 'median')]).toEqual([22, 3, 3]);
    expect([winsorisedMean(NORMS, [0.05, 0.95])]).toBeAllclose([18.2], SIX_DIGITS);
    expect(centreOf(NORMS, 'winsorised')).toBe(winsorisedMean(NORMS, [0.05, 0.95]));
  });

  test('trims a tenth at either end, so nothing of nine values', () => {
    const ten = [1000, 1, 2, 3, 4, 5, 6, 7, 8, -1000];
    expect(centreOf(ten, 'trimmed')).toBe(4.5);
    expect([centreOf(ten.slice(0, 9), 'trimmed')]).toBeAllclose([1036 / 9], { rtol: 1e-12, atol: 0 });
  });

  test('does not depend on the order, and moves and grows with the values', () => {
    const property = fc.property(numbers, fc.constantFrom(...KINDS), (values, kind) => {
      const centre = centreOf(values, kind);
      expect(centreOf([...values].reverse(), kind)).toBe(centre);
      const changed = values.map((value) => 4 * value);
      expect([centreOf(changed, kind)]).toBeAllclose([4 * centre], { rtol: 1e-9, atol: 1e-9 });
      expect(centre).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9);
      expect(centre).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
    });
    fc.assert(property, { numRuns: 50 });
  });

  test('is NaN for no values', () => {
    for (const kind of KINDS) expect(centreOf([], kind)).toBeNaN();
  });
});

describe('an interval of a centre', () => {
  const random = createRandom('test', 1);
  const sample = Float64Array.from({ length: 1500 }, () => 5 + random.normal());

  test.each(KINDS)('of kind %s holds it, and both ways of making it agree', (kind) => {
    const [low, high] = normalInterval(sample, kind);
    const drawn = bootstrapCentre(sample, kind, OPTIONS);
    expect(drawn.mean).toBe(centreOf(sample, kind));
    expect(low < drawn.mean && drawn.mean < high).toBe(true);
    expect(drawn.low < drawn.mean && drawn.mean < drawn.high).toBe(true);
    expect((high - low) / (drawn.high - drawn.low)).toBeGreaterThan(0.8);
    expect((high - low) / (drawn.high - drawn.low)).toBeLessThan(1.25);
  });

  test('is the same for the same seed', () => {
    expect(bootstrapCentre(NORMS, 'median', OPTIONS)).toEqual(bootstrapCentre(NORMS, 'median', OPTIONS));
  });
});
