import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterTrajectories } from '../../algorithms/trajectory-clusters.ts';

const RANDOM = { stream: 'select/trajectories/a', seed: 3 };

const clustersOf = (rows: readonly (readonly number[])[], wanted: number, random = RANDOM): number[] => [
  ...clusterTrajectories({ losses: Float32Array.from(rows.flat()), checkpointCount: rows[0]!.length }, wanted, random),
];

/** Which rows share a cluster, whatever the clusters' numbers. */
const partsOf = (clusters: readonly number[]): number[] => clusters.map((cluster) => clusters.indexOf(cluster));

describe('clusters of loss trajectories', () => {
  test('tell rows that are learned early from such as are learned late, and from such as never are', () => {
    const rows = [
      [0.9, 0.1, 0.1],
      [3, 3, 3],
      [2.9, 2.8, 0.2],
      [0.8, 0.2, 0.1],
      [3, 2.9, 0.1],
      [3.1, 3, 3.1],
    ];
    for (let seed = 0; seed < 5; seed += 1)
      expect(partsOf(clustersOf(rows, 3, { ...RANDOM, seed }))).toEqual([0, 1, 2, 0, 2, 1]);
  });

  test('are as many as wanted or as rows; rows of one trajectory share theirs', () => {
    expect(
      new Set(
        clustersOf(
          [
            [1, 1],
            [2, 2],
            [9, 9],
          ],
          7,
        ),
      ).size,
    ).toBe(3);
    expect(
      clustersOf(
        [
          [1, 2],
          [1, 2],
          [1, 2],
        ],
        2,
      ),
    ).toEqual([0, 0, 0]);
    expect(
      clustersOf(
        [
          [1, 2],
          [5, 0],
        ],
        1,
      ),
    ).toEqual([0, 0]);
  });

  test('are the same for the same seed, and each row is nearest to the mean of its own', () => {
    const loss = fc.integer({ min: 0, max: 40 }).map((value) => value / 8);
    const property = fc.property(
      fc.array(fc.tuple(loss, loss), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 0, max: 99 }),
      (rows, wanted, seed) => {
        const found = clustersOf(rows, wanted, { ...RANDOM, seed });
        expect(clustersOf(rows, wanted, { ...RANDOM, seed })).toEqual(found);
        const means = new Map<number, number[]>();
        for (const cluster of new Set(found)) {
          const own = rows.filter((_, row) => found[row] === cluster);
          means.set(
            cluster,
            [0, 1].map((place) => own.reduce((sum, row) => sum + row[place]! / own.length, 0)),
          );
        }
        const away = (row: readonly number[], mean: readonly number[]): number =>
          row.reduce((sum, value, place) => sum + (value - mean[place]!) ** 2, 0);
        for (const [row, cluster] of found.entries())
          for (const mean of means.values())
            expect(away(rows[row]!, means.get(cluster)!)).toBeLessThan(away(rows[row]!, mean) + 1e-9);
      },
    );
    fc.assert(property, { numRuns: 100 });
  });
});
