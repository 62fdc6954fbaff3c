import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeInt8, encodeInt8 } from '../../algorithms/encoding.ts';
import { RowKernels } from '../../algorithms/row-kernels.ts';
import { FIXED_POINT } from '../../algorithms/vector-sum.ts';

/** Rows of any width: padding and neighbouring vectors show where the width is no multiple of four. */
const anyRow = fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 11 });

/** Σ a·b as the kernels add: by index mod 4, then (p0 + p2) + (p1 + p3). */
function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const parts = [0, 0, 0, 0];
  for (let index = 0; index < a.length; index += 1) parts[index % 4]! += a[index]! * b[index]!;
  return parts[0]! + parts[2]! + (parts[1]! + parts[3]!);
}

describe('row kernels', () => {
  test('multiply in the order that they promise', () => {
    const property = fc.property(anyRow, fc.nat(2), (values, vector) => {
      const row = Float32Array.from(values);
      const kernels = new RowKernels(row.length, 3);
      kernels.vectors.forEach((_, index) => (kernels.vectors[index] = Math.cos(index)));
      const vectorOf = (place: number): Float64Array =>
        kernels.vectors.subarray(place * row.length, (place + 1) * row.length);
      kernels.load(row, 0, 1);
      expect(kernels.squares()).toBe(dot(row, row));
      expect([...kernels.products(vector, 2)]).toEqual([
        dot(row, row),
        dot(row, vectorOf(vector)),
        dot(row, vectorOf(2)),
      ]);
      expect(kernels.largest()).toBe(Math.max(...row.map(Math.abs)));
    });
    fc.assert(property, { numRuns: 200 });
  });

  test('add Math.round(z · scale) to two vectors and touch no other', () => {
    const property = fc.property(anyRow, (values) => {
      const row = Float32Array.from(values);
      const kernels = new RowKernels(row.length, 4);
      kernels.vectors.fill(5);
      kernels.load(row, 0, 1);
      kernels.add(0, FIXED_POINT, 2, 7);
      const rounded = (scale: number): number[] => Array.from(row, (value) => 5 + Math.round(value * scale));
      const fives = Array.from(row, () => 5);
      expect([...kernels.vectors]).toEqual([...rounded(FIXED_POINT), ...fives, ...rounded(7), ...fives]);
    });
    fc.assert(property, { numRuns: 200 });
  });

  test('read codes as decodeInt8 does', () => {
    const property = fc.property(anyRow, (values) => {
      const encoded = encodeInt8(Float32Array.from([9, ...values, -9]), values.length + 2);
      const row = decodeInt8(encoded, values.length + 2);
      const [kernels, wanted] = [new RowKernels(values.length, 1), new RowKernels(values.length, 1)];
      kernels.load(encoded.codes, 1, encoded.scales[0]!);
      wanted.load(row, 1, 1);
      kernels.add(0, FIXED_POINT, 0, FIXED_POINT);
      wanted.add(0, FIXED_POINT, 0, FIXED_POINT);
      expect(kernels.vectors).toEqual(wanted.vectors);
    });
    fc.assert(property, { numRuns: 200 });
  });

  test('refuse what does not fit', () => {
    expect(() => new RowKernels(8192, 70_000)).toThrow('tasks × sketch must fit 4 GiB, got 70000 vectors of 8192');
  });
});
