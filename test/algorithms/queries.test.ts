import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeInt8 } from '../../algorithms/encoding.ts';
import { clusterCentres } from '../../algorithms/gradient-clusters.ts';
import { meanDirections, querySubspace } from '../../algorithms/query-directions.ts';
import type { Queries } from '../../algorithms/query-directions.ts';
import { createRandom } from '../../algorithms/random-stream.ts';
import { directionWriter, subspaceWriter } from '../../algorithms/row-affinities.ts';
import type { RowWriter } from '../../algorithms/row-affinities.ts';
import { selectRows } from '../../algorithms/selectors/select-rows.ts';
import { symmetricEigen } from '../../algorithms/symmetric-eigen.ts';
import type { SelectionMethod } from '../../contracts/config.ts';
import { toColumns } from './sampled-rows.ts';
import { SIX_DIGITS, WORKED_ROWS } from './worked-example.ts';

const EXACT = { rtol: 1e-9, atol: 1e-12 };
const SINGLE = { rtol: 1e-5, atol: 1e-6 };

function queriesOf(rows: readonly (readonly number[])[], group: readonly number[]): Queries {
  const groupCount = Math.max(...group) + 1;
  return {
    gradients: Float32Array.from(rows.flat()),
    sketch: rows[0]!.length,
    group: Uint32Array.from(group),
    groupCount,
  };
}

function numbersOf(write: RowWriter, rows: readonly (readonly number[])[], groupCount: number): number[][] {
  const gradients = Float32Array.from(rows.flat());
  const out = new Float32Array(rows.length * groupCount);
  rows.forEach((row, place) => write(gradients, place * row.length, 1, out, place * groupCount));
  return rows.map((_, place) => [...out.subarray(place * groupCount, (place + 1) * groupCount)]);
}

const norm = (row: readonly number[]): number => Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
const cosine = (left: readonly number[], right: readonly number[]): number => {
  const product = left.reduce((sum, value, place) => sum + value * right[place]!, 0);
  return norm(left) * norm(right) === 0 ? 0 : product / norm(left) / norm(right);
};

/** Rows of the worked example, and the two directions that are asked for. */
const GRADIENTS = WORKED_ROWS.map(({ gradient }) => gradient);
const ASKED = queriesOf(
  [
    [0, 1, 0],
    [0, 0, 1],
  ],
  [0, 1],
);

function worked(method: SelectionMethod, budget: number): string[] {
  const affinity = numbersOf(directionWriter(meanDirections(ASKED)), GRADIENTS, 2);
  const examples = WORKED_ROWS.map(({ name }, rowIndex) => ({
    content: name,
    rowIndex,
    affinity: affinity[rowIndex]!,
  }));
  const request = {
    ...{ method, budget, lambda: 3, replacement: false, ranks: 'top' as const, seed: 42 },
    ...{ quotas: 'pooled' as const, tasks: [] },
  };
  const { position, rank } = selectRows(toColumns(examples), request).rows;
  return [...position.keys()]
    .sort((left, right) => rank[left]! - rank[right]!)
    .map((row) => WORKED_ROWS[position[row]!]!.name);
}

describe('queries of the worked example', () => {
  test('have the mean cosines of the rows', () => {
    const found = numbersOf(directionWriter(meanDirections(ASKED)), GRADIENTS, 2).flat();
    expect(found).toBeAllclose([0.8, 0, 0, 1, 0.666667, 0.666667, 0.6, 0.8, 0, 0], { rtol: 5.1e-6, atol: 1e-9 });
  });

  test('order rows by LESS: 1, then 0.8 twice at random, then 0.666667, then 0', () => {
    const order = worked('less', 5);
    expect([order[0], order.slice(1, 3).sort(), order[3], order[4]]).toEqual(['a2', ['a1', 'b1'], 'a3', 'b2']);
  });

  test('order rows by votes of ICONS: a3 and b1 have two, a2 comes before a1 by its sum', () => {
    const order = worked('icons', 3);
    // Among these two b1 has the larger sum.
    expect([order.slice(0, 2).sort(), order[2]]).toEqual([['a3', 'b1'], 'a2']);
    expect(worked('icons', 5).at(-1)).toBe('b2');
  });

  test('span the plane in which GIST holds rows against them', () => {
    const subspace = querySubspace(ASKED, 32);
    expect(subspace.rank).toBe(2);
    const found = numbersOf(subspaceWriter(subspace), GRADIENTS, 2);
    const inPlane = GRADIENTS.map(([, second, third]) => [second!, third!]);
    const wanted = inPlane.map((row) => [cosine(row, [1, 0]), cosine(row, [0, 1])]);
    expect(found.flat()).toBeAllclose(wanted.flat(), SINGLE);
  });
});

const anyQueries = fc.tuple(fc.integer({ min: 2, max: 7 }), fc.integer({ min: 1, max: 8 })).chain(([sketch, count]) =>
  fc.tuple(
    fc.array(fc.array(fc.integer({ min: -5, max: 5 }), { minLength: sketch, maxLength: sketch }), {
      minLength: count,
      maxLength: count,
    }),
    fc.array(fc.nat(2), { minLength: count, maxLength: count }),
    fc.array(fc.array(fc.integer({ min: -5, max: 5 }), { minLength: sketch, maxLength: sketch }), {
      minLength: 1,
      maxLength: 6,
    }),
  ),
);

describe('numbers of rows for groups of queries', () => {
  test('are means of cosines, as all pairs give them', () => {
    const property = fc.property(anyQueries, ([asked, group, rows]) => {
      const queries = queriesOf(asked, group);
      const found = numbersOf(directionWriter(meanDirections(queries)), rows, queries.groupCount);
      const wanted = rows.map((row) =>
        Array.from({ length: queries.groupCount }, (_, own) => {
          const ours = asked.filter((__, query) => group[query] === own);
          return ours.length === 0 ? 0 : ours.reduce((sum, query) => sum + cosine(row, query), 0) / ours.length;
        }),
      );
      expect(found.flat()).toBeAllclose(wanted.flat(), SINGLE);
    });
    fc.assert(property, { numRuns: 60 });
  });

  test('in the subspace are cosines of the parts that lie in it', () => {
    const property = fc.property(anyQueries, ([asked, group, rows]) => {
      const queries = queriesOf(asked, group);
      const subspace = querySubspace(queries, 32);
      const { sketch, rank, vectors } = subspace;
      const basis = Array.from({ length: rank }, (_, place) => [
        ...vectors.subarray(place * sketch, (place + 1) * sketch),
      ]);
      for (const [one, left] of basis.entries())
        for (const [two, right] of basis.entries())
          expect(
            Math.abs(left.reduce((sum, value, place) => sum + value * right[place]!, 0) - (one === two ? 1 : 0)),
          ).toBeLessThan(1e-6);
      const part = (row: readonly number[]): number[] =>
        basis.map((vector) => vector.reduce((sum, value, place) => sum + value * row[place]!, 0));
      // Every query lies in its own subspace.
      for (const query of asked) expect(norm(part(query))).toBeCloseTo(norm(query), 4);
      const means = Array.from({ length: queries.groupCount }, (_, own) => {
        const ours = asked.filter((__, query) => group[query] === own);
        return Array.from({ length: sketch }, (__, place) =>
          ours.reduce((sum, query) => sum + query[place]! / ours.length, 0),
        );
      });
      const found = numbersOf(subspaceWriter(subspace), rows, queries.groupCount);
      rows.forEach((row, place) =>
        means.forEach((mean, own) => {
          const wanted = norm(part(mean)) < 1e-5 || norm(part(row)) < 1e-5 ? null : cosine(part(row), part(mean));
          if (wanted !== null) expect(Math.abs(found[place]![own]! - wanted)).toBeLessThan(1e-4);
        }),
      );
    });
    fc.assert(property, { numRuns: 60 });
  });

  test('are the same for codes and for what they decode to, but for rounding, and for any scale', () => {
    const rows = [
      [127, -64, 3],
      [5, 5, 127],
    ];
    const queries = queriesOf(rows, [0, 0]);
    const write = directionWriter(meanDirections(queries));
    const { codes, scales } = encodeInt8(Float32Array.from(rows.flat()), 3);
    const out = new Float32Array(2);
    write(codes, 0, scales[0]! * 4, out, 0);
    write(codes, 3, scales[1]!, out, 1);
    expect(out).toBeAllclose(numbersOf(write, rows, 1).flat(), SINGLE);
  });

  test('keep no more dimensions than asked for: those with the largest eigenvalues', () => {
    const subspace = querySubspace(
      queriesOf(
        [
          [0, 3, 0],
          [2, 0, 0],
          [0, 0, 1],
        ],
        [0, 0, 0],
      ),
      2,
    );
    expect(subspace.rank).toBe(2);
    expect(subspace.vectors).toBeAllclose([0, 1, 0, 1, 0, 0], EXACT);
    expect(subspace.targets).toBeAllclose([3 / Math.sqrt(13), 2 / Math.sqrt(13)], EXACT);
  });
});

describe('eigenvalues of a symmetric matrix', () => {
  test('of two rows are those of the formula', () => {
    const { values, vectors } = symmetricEigen(Float64Array.of(2, 1, 1, 2), 2);
    expect(values).toBeAllclose([3, 1], EXACT);
    expect(vectors[0]!).toBeAllclose([Math.SQRT1_2, Math.SQRT1_2], EXACT);
  });

  test('and vectors put the matrix together again', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 81, maxLength: 81 }),
      (size, numbers) => {
        const matrix = new Float64Array(size * size);
        for (let row = 0; row < size; row += 1)
          for (let column = 0; column <= row; column += 1)
            matrix[row * size + column] = matrix[column * size + row] = numbers[row * 9 + column]!;
        const { values, vectors } = symmetricEigen(matrix, size);
        const again = matrix.map((_, place) =>
          vectors.reduce(
            (sum, vector, index) => sum + values[index]! * vector[Math.floor(place / size)]! * vector[place % size]!,
            0,
          ),
        );
        expect(again).toBeAllclose(matrix, { rtol: 0, atol: 1e-10 });
        expect([...values]).toEqual([...values].sort((left, right) => right - left));
      },
    );
    fc.assert(property, { numRuns: 60 });
  });
});

describe('clusters of gradients', () => {
  const random = createRandom('clusters', 1);
  const MIDDLES = [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 0, 1],
  ];
  const rows = Array.from({ length: 60 }, (_, row) => {
    const noisy = MIDDLES[row % 3]!.map((value) => value + 0.1 * random.normal());
    return noisy.map((value) => value / norm(noisy));
  });
  const directions = Float32Array.from(rows.flat());
  const options = { stream: 'select/clusters/a', seed: 42 };

  test('have centres of unit length in the middle of the bunches', () => {
    const centres = clusterCentres({ directions, sketch: 4 }, 3, options);
    const found = [0, 1, 2].map((cluster) => [...centres.subarray(4 * cluster, 4 * cluster + 4)]);
    for (const middle of MIDDLES)
      expect(Math.max(...found.map((centre) => cosine(centre, middle)))).toBeGreaterThan(0.99);
    for (const centre of found) expect([norm(centre)]).toBeAllclose([1], SIX_DIGITS);
  });

  test('are the same for the same seed, and no more than there are rows', () => {
    const again = clusterCentres({ directions, sketch: 4 }, 5, options);
    expect(again).toEqual(clusterCentres({ directions, sketch: 4 }, 5, options));
    expect(clusterCentres({ directions: directions.subarray(0, 8), sketch: 4 }, 5, options)).toHaveLength(8);
    expect(clusterCentres({ directions: new Float32Array(0), sketch: 4 }, 5, options)).toHaveLength(0);
    expect(clusterCentres({ directions: new Float32Array(12), sketch: 4 }, 2, options)).toEqual(new Float64Array(8));
  });
});
