import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gumbel } from '../../algorithms/random-stream.ts';
import {
  drawOrder,
  effectiveSampleSize,
  lambdaForShare,
  numberOccurrences,
  probabilities,
  topOrder,
} from '../../algorithms/sampling.ts';
import { allPositions, toColumns } from './sampled-rows.ts';
import { SIX_DIGITS } from './worked-example.ts';

const CODE_A = Float64Array.of(26 / 45, 5 / 9, 0.8);
const V1_A = Float64Array.of(0.873128, 0.485071, 0.970143);
const STREAM = 'select/instance/A';

/** Law of drawing b rows one at a time from p, renormalised over the rows left: probability of each row to be in. */
function slowInclusion(p: Float64Array, count: number): number[] {
  const inclusion = new Array<number>(p.length).fill(0);
  const visit = (taken: number[], probability: number): void => {
    if (taken.length === count) {
      for (const row of taken) inclusion[row]! += probability;
      return;
    }
    const left = 1 - taken.reduce((sum, row) => sum + p[row]!, 0);
    p.forEach((weight, row) => {
      if (!taken.includes(row)) visit([...taken, row], (probability * weight) / left);
    });
  };
  visit([], 1);
  return inclusion;
}

describe('probabilities of the worked example', () => {
  test.each([
    ['code A', CODE_A, 1, [0.309898, 0.303087, 0.387015], 2.96139],
    ['code A', CODE_A, 10, [0.0906737, 0.0726059, 0.83672], 1.40136],
    ['code A', CODE_A, 0.001, [0.333311, 0.333304, 0.333385], 3],
    ['code B', Float64Array.of(0.5, 0.5), 10, [0.5, 0.5], 2],
  ] as const)('%s at lambda %3$d', (_, values, lambda, expected, size) => {
    const p = probabilities(values, lambda);
    expect(p).toBeAllclose(expected, SIX_DIGITS);
    expect([effectiveSampleSize(p)]).toBeAllclose([size], SIX_DIGITS);
  });

  test.each([
    ['v1 A', V1_A, 1, [0.35968, 0.243997, 0.396323], 2.89037],
    ['v1 A', V1_A, 10, [0.273302, 0.00564069, 0.721058], 1.68166],
    ['v1 B', Float64Array.of(5 / Math.sqrt(26), 1 / Math.sqrt(26)), 1, [0.686642, 0.313358], 1.7554],
    ['v1 B', Float64Array.of(5 / Math.sqrt(26), 1 / Math.sqrt(26)), 10, [0.999608, 0.000391691], 1.00078],
  ] as const)('%s at lambda %3$d', (_, values, lambda, expected, size) => {
    const p = probabilities(values, lambda);
    // The values of A are given to 6 digits: lambda · 5e-7 in the exponent.
    const tolerance = { rtol: SIX_DIGITS.rtol + lambda * 1e-6, atol: 0 };
    expect(p).toBeAllclose(expected, tolerance);
    expect([effectiveSampleSize(p)]).toBeAllclose([size], tolerance);
  });

  test('are stable for large lambda and empty for no rows', () => {
    expect(probabilities(Float64Array.of(1, 0.5, 1), 1e6)).toBeAllclose([0.5, 0, 0.5], { rtol: 1e-15, atol: 0 });
    expect(probabilities(new Float64Array(0), 3)).toHaveLength(0);
    expect(effectiveSampleSize(new Float64Array(0))).toBe(0);
  });
});

describe('Gumbel keys of the worked example', () => {
  test('follow from the uniforms 0.2, 0.9, 0.5', () => {
    const noise = [0.2, 0.9, 0.5].map(gumbel);
    expect(noise).toBeAllclose([-0.475885, 2.25037, 0.366513], SIX_DIGITS);
    const keys = (lambda: number): number[] => noise.map((value, row) => lambda * CODE_A[row]! + value);
    expect(keys(1)).toBeAllclose([0.101893, 2.80592, 1.16651], SIX_DIGITS);
    expect(keys(10)).toBeAllclose([5.30189, 7.80592, 8.36651], SIX_DIGITS);
    const order = (lambda: number): number[] => [0, 1, 2].sort((a, b) => keys(lambda)[b]! - keys(lambda)[a]!);
    expect(order(1)).toEqual([1, 2, 0]);
    expect(order(10)).toEqual([2, 1, 0]);
  });

  test('of hashed rows add lambda times the value to the Gumbel value', () => {
    const rows = toColumns(['row-a1', 'row-a2', 'row-a3'].map((content, rowIndex) => ({ content, rowIndex })));
    const { position, key } = drawOrder(rows, allPositions(rows), STREAM, 42, { values: CODE_A, lambda: 10 });
    const keys = [-0.753404 + 5.777778, -1.18041 + 5.555556, 0.165423 + 8];
    expect([...position]).toEqual([2, 0, 1]);
    expect(key).toBeAllclose([keys[2]!, keys[0]!, keys[1]!], SIX_DIGITS);
  });
});

describe('weights of rows', () => {
  const rows = toColumns(['row-a1', 'row-a2', 'row-a3'].map((content, rowIndex) => ({ content, rowIndex })));
  const weight = Float64Array.of(1, 0.5, 0.25);

  test('add their logarithms to the keys, with values and without', () => {
    const noise = [-0.753404, -1.18041, 0.165423];
    const weighted = { ...rows, weight };
    const plain = drawOrder(weighted, allPositions(rows), STREAM, 42, null);
    const keys = noise.map((value, row) => value + Math.log(weight[row]!));
    expect([...plain.position]).toEqual([0, 2, 1]);
    expect(plain.key).toBeAllclose([keys[0]!, keys[2]!, keys[1]!], { rtol: 1e-5, atol: 0 });
    const { key, position } = drawOrder(weighted, allPositions(rows), STREAM, 42, { values: CODE_A, lambda: 10 });
    expect(key).toBeAllclose(
      Array.from(position, (row) => keys[row]! + 10 * CODE_A[row]!),
      { rtol: 1e-5, atol: 0 },
    );
    const even = { ...rows, weight: new Float64Array(3).fill(1) };
    expect(drawOrder(even, allPositions(rows), STREAM, 42, null)).toEqual(
      drawOrder(rows, allPositions(rows), STREAM, 42, null),
    );
  });

  test('are what first draws are proportional to', () => {
    const runs = 20_000;
    const counts = [0, 0, 0];
    for (let seed = 0; seed < runs; seed += 1)
      counts[drawOrder({ ...rows, weight }, allPositions(rows), STREAM, seed, null).position[0]!]! += 1;
    const expected = probabilities(new Float64Array(3), 0, weight);
    expect(expected).toBeAllclose([4 / 7, 2 / 7, 1 / 7], { rtol: 1e-15, atol: 0 });
    expect(counts.map((count) => count / runs)).toBeAllclose(expected, { rtol: 0, atol: 4 * Math.sqrt(0.25 / runs) });
  });
});

describe('drawOrder', () => {
  const RUNS = 20_000;

  test.each([
    [1, [0.64033, 0.630549, 0.729121]],
    [10, [0.562427, 0.451912, 0.985661]],
  ])('has the law of drawing one row at a time, at lambda %d', (lambda, expected) => {
    expect(slowInclusion(probabilities(CODE_A, lambda), 2)).toBeAllclose(expected, SIX_DIGITS);
    const rows = toColumns(['row-a1', 'row-a2', 'row-a3'].map((content, rowIndex) => ({ content, rowIndex })));
    const counts = [0, 0, 0];
    for (let seed = 0; seed < RUNS; seed += 1) {
      const { position } = drawOrder(rows, allPositions(rows), STREAM, seed, { values: CODE_A, lambda });
      for (const row of position.subarray(0, 2)) counts[row]! += 1;
    }
    const shares = counts.map((count) => count / RUNS);
    // Four standard errors of a share of 1/2.
    expect(shares).toBeAllclose(expected, { rtol: 0, atol: 4 * Math.sqrt(0.25 / RUNS) });
  });

  const examples = Array.from({ length: 200 }, (_, index) => ({
    // Every fifth content comes twice.
    content: `content ${index - (index % 5 === 0 && index > 0 ? 1 : 0)}`,
    rowIndex: index * 3,
    instanceValue: Math.sin(index),
  }));
  const drawn = (rows: typeof examples) => {
    const columns = toColumns(rows);
    const order = drawOrder(columns, allPositions(columns), STREAM, 7, {
      values: columns.columns.instance_value,
      lambda: 3,
    });
    return Array.from(order.position, (position, rank) => ({
      rowIndex: columns.rowIndex[position]!,
      key: order.key[rank]!,
    }));
  };

  test('does not depend on the order of rows', () => {
    expect(drawn([...examples].reverse())).toEqual(drawn(examples));
  });

  test('keeps every key when a row is added', () => {
    const added = drawn([...examples, { content: 'new', rowIndex: 1000, instanceValue: 0.3 }]);
    expect(added.filter(({ rowIndex }) => rowIndex !== 1000)).toEqual(drawn(examples));
  });

  test('of shards merges to the top of the union', () => {
    // Shards keep identical rows together here, as their occurrence counts within the task.
    const even = drawn(examples.filter(({ content }) => Number(content.slice(8)) % 2 === 0)).slice(0, 30);
    const odd = drawn(examples.filter(({ content }) => Number(content.slice(8)) % 2 === 1)).slice(0, 30);
    const merged = [...even, ...odd].sort((left, right) => right.key - left.key).slice(0, 30);
    expect(merged).toEqual(drawn(examples).slice(0, 30));
  });

  test('breaks equal keys by content hash', () => {
    const rows = toColumns(['x', 'y', 'z'].map((content, rowIndex) => ({ content, rowIndex })));
    const score = { values: Float64Array.of(1, 1, 1), lambda: 1e300 };
    const { position } = drawOrder(rows, allPositions(rows), STREAM, 1, score);
    const hash = (row: number): string =>
      Buffer.from(rows.contentHash.subarray(row * 32, row * 32 + 32)).toString('hex');
    expect([...position]).toEqual([0, 1, 2].sort((a, b) => (hash(a) < hash(b) ? -1 : 1)));
  });

  test('refuses values that are not finite', () => {
    const rows = toColumns([{ content: 'x', rowIndex: 9 }]);
    const draw = (): unknown =>
      drawOrder(rows, allPositions(rows), STREAM, 1, { values: Float64Array.of(NaN), lambda: 3 });
    expect(draw).toThrow('must be finite, got NaN in row 9');
  });
});

describe('numberOccurrences', () => {
  test('counts identical rows by ascending row index, whatever their place', () => {
    const rows = toColumns([
      { content: 'same', rowIndex: 8 },
      { content: 'other', rowIndex: 1 },
      { content: 'same', rowIndex: 2 },
      { content: 'same', rowIndex: 5 },
    ]);
    expect([...numberOccurrences(rows, Uint32Array.of(0, 1, 2, 3))]).toEqual([2, 0, 0, 1]);
    expect([...numberOccurrences(rows, Uint32Array.of(3, 0))]).toEqual([0, 1]);
  });
});

describe('topOrder', () => {
  test('orders by score and breaks ties by the random keys', () => {
    const rows = toColumns(Array.from({ length: 12 }, (_, rowIndex) => ({ content: `${rowIndex}`, rowIndex })));
    const score = Float64Array.from({ length: 12 }, (_, index) => Math.floor(index / 4));
    const order = topOrder(rows, allPositions(rows), 'select/pooled', 3, score);
    const random = drawOrder(rows, allPositions(rows), 'select/pooled', 3, null);
    const tied = [...random.position].filter((position) => position >= 8);
    expect([...order.position.subarray(0, 4)]).toEqual(tied);
    expect([...order.key]).toEqual([2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0]);
    expect(() => topOrder(rows, allPositions(rows), 's', 3, score.fill(NaN))).toThrow('got NaN');
  });
});

describe('lambdaForShare', () => {
  test('gives the lambda of the worked example back', () => {
    const values = Float64Array.of(26 / 45, 5 / 9, 0.8);
    expect([lambdaForShare(values, 2.96139 / 3)]).toBeAllclose([1], { rtol: 1e-4, atol: 0 });
    expect([lambdaForShare(values, 1.40136 / 3)]).toBeAllclose([10], { rtol: 1e-4, atol: 0 });
  });

  test('ends at 0 and at 1000', () => {
    expect(lambdaForShare(Float64Array.of(1, 2), 1)).toBe(0);
    expect(lambdaForShare(Float64Array.of(1, 1), 0.5)).toBe(1000);
    expect(lambdaForShare(new Float64Array(0), 0.5)).toBe(0);
  });

  test('gives probabilities of that share', () => {
    const property = fc.property(
      fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 2, maxLength: 50 }),
      fc.double({ min: 0.05, max: 0.999, noNaN: true }),
      (numbers, share) => {
        const values = Float64Array.from(numbers);
        const lambda = lambdaForShare(values, share);
        const found = effectiveSampleSize(probabilities(values, lambda)) / values.length;
        if (lambda < 1000) expect([found]).toBeAllclose([share], { rtol: 1e-6, atol: 0 });
        else expect(found).toBeGreaterThanOrEqual(share);
      },
    );
    fc.assert(property, { numRuns: 50 });
  });
});
