import { describe, expect, test } from 'vitest';
import { cosineMatrix, nearestCosines, principalPlane, vectorCosines } from '../../algorithms/gradient-space.ts';

/** Unit vectors of rows. */
function unit(rows: readonly (readonly number[])[]) {
  const width = rows[0]!.length;
  const values = Float32Array.from(rows.flatMap((row) => row.map((value) => value / Math.hypot(...row))));
  return { count: rows.length, width, values };
}

describe('directions', () => {
  const rows = [[1, 0, 0], [3, 0, 0], [0, 2, 0], [1, 1, 0], [-1, 0, 0]]; // oxfmt-ignore
  const cosines = cosineMatrix(unit(rows));

  test('have the cosines of their vectors', () => {
    const half = Math.SQRT1_2;
    expect([...cosines.subarray(0, 5)].map((value) => Number(value.toFixed(5)))).toEqual([
      1,
      1,
      0,
      Number(half.toFixed(5)),
      -1,
    ]);
    for (let row = 0; row < 5; row += 1) expect(cosines[row * 5 + row]).toBeCloseTo(1, 6);
  });

  test('name the nearest row of the same group', () => {
    expect([...nearestCosines(cosines, [0, 0, 0, 1, 1])].map((value) => Number(value.toFixed(4)))).toEqual([
      1, 1, 0, -0.7071, -0.7071,
    ]);
    expect(nearestCosines(Float64Array.of(1), [0])[0]).toBe(-1);
  });
});

describe('the principal plane', () => {
  // Points of a plane, stretched 3 : 1 along two orthogonal directions.
  const points = Array.from({ length: 40 }, (_, index) => [3 * Math.cos(index), Math.sin(index * 1.3)] as const);
  const gram = new Float64Array(1600);
  points.forEach(([a, b], row) => points.forEach(([c, d], column) => (gram[row * 40 + column] = a * c + b * d + 0.01)));

  test('keeps distances of points that lie in a plane', () => {
    const { x, y, explained } = principalPlane(gram, 40);
    const distance = (left: readonly number[], right: readonly number[]) =>
      Math.hypot(left[0]! - right[0]!, left[1]! - right[1]!);
    for (const [one, other] of [
      [0, 1],
      [3, 20],
      [7, 39],
    ] as const)
      // oxfmt-ignore
      expect(distance([x[one]!, y[one]!], [x[other]!, y[other]!])).toBeCloseTo(distance(points[one]!, points[other]!), 6);
    expect(explained[0] + explained[1]).toBeCloseTo(1, 9);
    expect(explained[0]).toBeGreaterThan(explained[1]);
  });

  test('is centred, the same again, and of no surprise for equal or single rows', () => {
    const plane = principalPlane(gram, 40);
    expect(plane.x.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 8);
    expect(principalPlane(gram, 40)).toEqual(plane);
    for (const count of [1, 3]) {
      const flat = principalPlane(new Float64Array(count * count).fill(1), count);
      expect([...flat.x, ...flat.y, ...flat.explained].every((value) => Math.abs(value) < 1e-6)).toBe(true);
    }
  });
});

test('cosines of vectors of any length; a zero vector has none', () => {
  const vectors = Float64Array.of(2, 0, 0, 5, -1, 0, 0, 0);
  expect(vectorCosines(vectors, 4, 2)).toEqual([
    [1, 0, -1, 0],
    [0, 1, 0, 0],
    [-1, 0, 1, 0],
    [0, 0, 0, 0],
  ].map((line) => line.map((value) => value + 0))); // oxfmt-ignore
});
