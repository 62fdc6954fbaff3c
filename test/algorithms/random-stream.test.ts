import { describe, expect, test } from 'vitest';
import { createContentStream, createRandom, gumbel, philoxKey, shuffledOrder } from '../../algorithms/random-stream.ts';
import { toColumns } from './sampled-rows.ts';
import { SIX_DIGITS } from './worked-example.ts';

describe('content stream', () => {
  const { contentHash } = toColumns(['row-a1', 'row-a2', 'row-a3'].map((content, rowIndex) => ({ content, rowIndex })));
  const stream = createContentStream('select/instance/A', 42);
  const uniforms = [0, 1, 2].map((position) => stream.uniform(contentHash, position, 0));

  test('gives the hash vectors of the method', () => {
    expect(Buffer.from(contentHash.subarray(0, 8)).toString('hex')).toBe('14e9fa39971b7cec');
    const a = [538299319108218, 173631587412041, 1929656662805454];
    expect(uniforms).toEqual(a.map((bits) => (bits + 0.5) / 2 ** 52));
    expect(uniforms).toBeAllclose([0.119526, 0.038554, 0.42847], SIX_DIGITS);
    expect(uniforms.map(gumbel)).toBeAllclose([-0.753404, -1.18041, 0.165423], SIX_DIGITS);
  });

  test('changes with stream, seed and occurrence, and with nothing else', () => {
    const moved = contentHash.slice(32);
    expect(stream.uniform(moved, 0, 0)).toBe(uniforms[1]);
    const others = [
      createContentStream('select/instance/B', 42).uniform(contentHash, 0, 0),
      createContentStream('select/instance/A', 43).uniform(contentHash, 0, 0),
      stream.uniform(contentHash, 0, 1),
      uniforms[0],
    ];
    expect(new Set(others).size).toBe(4);
  });

  test('refuses seeds that are no integers and rows that are not there', () => {
    for (const seed of [-1, 0.5, 2 ** 53, NaN]) expect(() => createContentStream('x', seed)).toThrow(RangeError);
    expect(() => stream.uniform(contentHash, 3, 0)).toThrow('must hold row 3, got 96 bytes');
  });
});

describe('philoxKey', () => {
  test('gives the projection key of seed 0', () => {
    expect(philoxKey('tive-proj/v1\0', 0)).toEqual({ key0: 0xb79c4fdf, key1: 0xb768d586 });
  });
});

describe('createRandom', () => {
  const DRAWS = 40_000;

  test('repeats itself for the same stream and seed alone', () => {
    const draws = (stream: string, seed: number): number[] => {
      const random = createRandom(stream, seed);
      return Array.from({ length: 5 }, () => random.uniform());
    };
    expect(draws('a', 1)).toEqual(draws('a', 1));
    expect(draws('a', 1)).not.toEqual(draws('b', 1));
    expect(draws('a', 1)).not.toEqual(draws('a', 2));
    expect(new Set(draws('a', 1)).size).toBe(5);
  });

  test('draws uniforms of mean 1/2 and variance 1/12', () => {
    const random = createRandom('uniform', 0);
    const values = Array.from({ length: DRAWS }, () => random.uniform());
    const mean = values.reduce((sum, value) => sum + value, 0) / DRAWS;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / DRAWS;
    expect(Math.min(...values)).toBeGreaterThan(0);
    expect(Math.max(...values)).toBeLessThan(1);
    // Four standard errors: sqrt(1/12/n), and sqrt((1/80 − 1/144)/n) of the variance.
    expect([mean]).toBeAllclose([0.5], { rtol: 0, atol: 4 * Math.sqrt(1 / 12 / DRAWS) });
    expect([variance]).toBeAllclose([1 / 12], { rtol: 0, atol: 4 * Math.sqrt((1 / 80 - 1 / 144) / DRAWS) });
  });

  test('draws normals of mean 0, variance 1 and kurtosis 3', () => {
    const random = createRandom('normal', 0);
    const values = Array.from({ length: DRAWS }, () => random.normal());
    const moment = (power: number): number => values.reduce((sum, value) => sum + value ** power, 0) / DRAWS;
    // Variances of the first, second and fourth power: 1, 2 and 96.
    expect([moment(1)]).toBeAllclose([0], { rtol: 0, atol: 4 / Math.sqrt(DRAWS) });
    expect([moment(2)]).toBeAllclose([1], { rtol: 0, atol: 4 * Math.sqrt(2 / DRAWS) });
    expect([moment(4)]).toBeAllclose([3], { rtol: 0, atol: 4 * Math.sqrt(96 / DRAWS) });
  });

  test('draws every integer below a count equally often', () => {
    const random = createRandom('integer', 0);
    const counts = [0, 0, 0, 0, 0, 0, 0];
    for (let draw = 0; draw < DRAWS; draw += 1) counts[random.integer(7)]! += 1;
    const spread = 4 * Math.sqrt(DRAWS * (1 / 7) * (6 / 7));
    expect(counts).toBeAllclose(Array(7).fill(DRAWS / 7) as number[], { rtol: 0, atol: spread });
    expect(random.integer(1)).toBe(0);
    expect(() => random.integer(0)).toThrow(RangeError);
  });
});

describe('shuffledOrder', () => {
  test('is an order of all positions that stream and seed alone decide', () => {
    const order = shuffledOrder(1000, 'train/shuffle/0', 42);
    expect([...order].sort((left, right) => left - right)).toEqual([...Array(1000).keys()]);
    expect(shuffledOrder(1000, 'train/shuffle/0', 42)).toEqual(order);
    expect(shuffledOrder(1000, 'train/shuffle/1', 42)).not.toEqual(order);
    expect(shuffledOrder(0, 'train/shuffle/0', 42)).toHaveLength(0);
  });

  test('keeps the relative order of positions when more are added', () => {
    const longer = shuffledOrder(50, 'train/shuffle/0', 42).filter((position) => position < 20);
    expect(longer).toEqual(shuffledOrder(20, 'train/shuffle/0', 42));
  });

  test('puts every position first equally often', () => {
    const counts = [0, 0, 0, 0];
    for (let seed = 0; seed < 2000; seed += 1) counts[shuffledOrder(4, 'x', seed)[0]!]! += 1;
    expect(counts).toBeAllclose([500, 500, 500, 500], { rtol: 0, atol: 4 * Math.sqrt((2000 * 3) / 16) });
  });
});
