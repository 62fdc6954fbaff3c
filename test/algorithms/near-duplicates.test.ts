import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeInt8 } from '../../algorithms/encoding.ts';
import { NearDuplicateSearch } from '../../algorithms/near-duplicates.ts';
import { createRandom } from '../../algorithms/random-stream.ts';
import { bandsFor, mostDifferent } from '../../algorithms/row-bands.ts';
import { BIT_COUNT, RowBits } from '../../algorithms/row-bits.ts';
import { WORKED_ROWS } from './worked-example.ts';

function codesOf(rows: readonly (readonly number[])[]): Int8Array {
  return encodeInt8(Float32Array.from(rows.flat()), rows[0]!.length).codes;
}

function nearTo(codes: Int8Array, sketch: number, cosine: number, exactRows?: number): number[] {
  return [...new NearDuplicateSearch(cosine, exactRows).visit({ codes, sketch })].map(([, kept]) => kept);
}

/** The definition: the first kept row whose cosine is at least the threshold. */
function slowNearTo(codes: Int8Array, sketch: number, cosine: number): number[] {
  const dot = (left: number, right: number): number => {
    let sum = 0;
    for (let place = 0; place < sketch; place += 1)
      sum += codes[left * sketch + place]! * codes[right * sketch + place]!;
    return sum;
  };
  const kept: number[] = [];
  return Array.from({ length: codes.length / sketch }, (_, index) => {
    if (dot(index, index) === 0) return index;
    const goal = (other: number) => cosine * Math.sqrt(dot(index, index)) * Math.sqrt(dot(other, other));
    const found = kept.find((other) => dot(index, other) >= goal(other));
    if (found === undefined) kept.push(index);
    return found ?? index;
  });
}

/** Rows around a common direction, of which a part are earlier ones with noise. */
function clustered(rowCount: number, sketch: number, noise: number): Int8Array {
  const random = createRandom('near', rowCount + sketch);
  const rows: number[][] = [];
  const mean = Array.from({ length: sketch }, () => random.normal());
  for (let index = 0; index < rowCount; index += 1) {
    const source = index > 0 && random.uniform() < 0.4 ? rows[random.integer(index)]! : null;
    rows.push(
      source === null
        ? mean.map((value) => 0.6 * value + 0.8 * random.normal())
        : source.map((value) => value + noise * random.normal()),
    );
  }
  return codesOf(rows);
}

describe('a search for near duplicates', () => {
  test('of the worked example drops a row at the cosine of its codes, not above', () => {
    const codes = codesOf(WORKED_ROWS.map(({ gradient }) => gradient));
    // b1 · a1 has cosine 0.48, 0.479645 by its codes; a3 · b1 has 0.933333, a3 · a2 0.666667, a3 · a1 0.733333.
    expect(nearTo(codes.slice(0, 6), 3, 0.7)).toEqual([0, 1]);
    expect(nearTo(codes, 3, 0.7)).toEqual([0, 1, 0, 1, 4]);
    expect(nearTo(codes, 3, 0.99)).toEqual([0, 1, 2, 3, 4]);
    const pair = Int8Array.of(...codes.slice(0, 3), ...codes.slice(9, 12));
    expect(nearTo(pair, 3, 0.4796)).toEqual([0, 0]);
    expect(nearTo(pair, 3, 0.4797)).toEqual([0, 1]);
  });

  test('is what the definition says, for any width, threshold and scale', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 70 }).chain((sketch) =>
        fc.array(fc.array(fc.integer({ min: -4, max: 4 }), { minLength: sketch, maxLength: sketch }), {
          minLength: 1,
          maxLength: 25,
        }),
      ),
      fc.constantFrom(0.3, 0.8, 0.95, 1),
      (rows, cosine) => {
        const codes = codesOf(rows);
        expect(nearTo(codes, rows[0]!.length, cosine)).toEqual(slowNearTo(codes, rows[0]!.length, cosine));
      },
    );
    fc.assert(property, { numRuns: 100 });
  });

  test.each([
    [300, 1024],
    [300, 512],
    [300, 200],
    [200, 2048],
  ])('of %d rows of %d by bands finds what comparing all pairs finds', (rowCount, sketch) => {
    const codes = clustered(rowCount, sketch, 0.2);
    const exact = nearTo(codes, sketch, 0.95);
    expect(exact).toEqual(slowNearTo(codes, sketch, 0.95));
    const dropped = (found: readonly number[]) => found.flatMap((kept, row) => (kept === row ? [] : [row]));
    expect(dropped(exact).length).toBeGreaterThan(0.3 * rowCount);
    expect(dropped(nearTo(codes, sketch, 0.95, 0))).toEqual(dropped(exact));
  });

  test('by bands misses few pairs at the threshold itself', () => {
    const codes = clustered(2000, 512, 0.315);
    const [exact, banded] = [nearTo(codes, 512, 0.95), nearTo(codes, 512, 0.95, 0)];
    const missed = exact.filter((kept, row) => kept !== row && banded[row] === row).length;
    expect(exact.filter((kept, row) => kept !== row).length).toBeGreaterThan(100);
    expect(missed).toBeLessThanOrEqual(4);
  });

  /** The definition: all earlier rows whose cosine is at least the threshold. */
  function slowPairs(codes: Int8Array, sketch: number, cosine: number): number[][] {
    const rowOf = (row: number): number[] => [...codes.subarray(row * sketch, (row + 1) * sketch)];
    const dot = (left: readonly number[], right: readonly number[]): number =>
      left.reduce((sum, value, place) => sum + value * right[place]!, 0);
    const rows = Array.from({ length: codes.length / sketch }, (_, row) => rowOf(row));
    const norms = rows.map((row) => Math.sqrt(dot(row, row)));
    return rows.map((row, index) =>
      rows.slice(0, index).flatMap((other, place) => {
        const isNear =
          norms[index]! > 0 && norms[place]! > 0 && dot(row, other) >= cosine * norms[index]! * norms[place]!;
        return isNear ? [place] : [];
      }),
    );
  }

  function pairs(codes: Int8Array, sketch: number, cosine: number, exactRows?: number): number[][] {
    const found = [...new NearDuplicateSearch(cosine, exactRows).pairs({ codes, sketch })];
    expect(found.map(([row]) => row)).toEqual(found.map((_, index) => index));
    return found.map(([, near]) => [...near].sort((left, right) => left - right));
  }

  test('gives all earlier rows that are near, kept or not, as the definition says', () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 40 }).chain((sketch) =>
        fc.array(fc.array(fc.integer({ min: -2, max: 2 }), { minLength: sketch, maxLength: sketch }), {
          minLength: 1,
          maxLength: 20,
        }),
      ),
      fc.constantFrom(0.3, 0.8, 1),
      (rows, cosine) => {
        const codes = codesOf(rows);
        expect(pairs(codes, rows[0]!.length, cosine)).toEqual(slowPairs(codes, rows[0]!.length, cosine));
      },
    );
    fc.assert(property, { numRuns: 100 });
    expect(pairs(new Int8Array(0), 2, 0.5)).toEqual([]);
  });

  test('gives them by bands too, each once, and all of many copies', () => {
    const codes = clustered(300, 512, 0.2);
    const exact = pairs(codes, 512, 0.95);
    expect(exact.flat().length).toBeGreaterThan(100);
    expect(pairs(codes, 512, 0.95, 0)).toEqual(exact);
    const copies = Int8Array.from({ length: 200 * 512 }, (_, place) => codes[place % 512]!);
    expect(pairs(copies, 512, 0.95, 0).map((near) => near.length)).toEqual(
      Array.from({ length: 200 }, (_, row) => row),
    );
  });

  test('serves several tasks, wide and narrow, one after the other', () => {
    const search = new NearDuplicateSearch(0.9, 100);
    for (const [rowCount, sketch] of [
      [150, 40],
      [30, 7],
      [120, 19],
    ] as const) {
      const codes = clustered(rowCount, sketch, 0.1);
      expect([...search.visit({ codes, sketch })].map(([, kept]) => kept)).toEqual(nearTo(codes, sketch, 0.9, 100));
    }
  });

  test('keeps rows without direction, and has nothing to say of no rows', () => {
    expect(nearTo(new Int8Array(6), 2, 0.5)).toEqual([0, 1, 2]);
    expect(nearTo(new Int8Array(0), 2, 0.5)).toEqual([]);
  });
});

describe('bits of a direction', () => {
  test('differ as often as the angle says, and not at all between a row and its multiple', () => {
    const random = createRandom('bits', 3);
    for (const sketch of [64, 512, 1024]) {
      const maker = new RowBits(sketch);
      const bitsOf = (row: readonly number[]): Uint8Array => {
        const bytes = new Uint8Array(BIT_COUNT / 8);
        maker.write(
          Int8Array.from(row, (value) => Math.round(value)),
          0,
          bytes,
          0,
        );
        return bytes;
      };
      const differ = (left: Uint8Array, right: Uint8Array): number =>
        left.reduce((sum, byte, place) => sum + (byte ^ right[place]!).toString(2).replaceAll('0', '').length, 0);
      const shares = Array.from({ length: 40 }, () => {
        const one = Array.from({ length: sketch }, () => 10 * random.normal());
        const other = one.map((value) => 0.8 * value + 6 * random.normal());
        const dot = (left: readonly number[], right: readonly number[]) =>
          left.reduce((sum, value, place) => sum + value * right[place]!, 0);
        const angle = Math.acos(dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other)));
        expect(differ(bitsOf(one), bitsOf(one.map((value) => 2 * Math.round(value))))).toBe(0);
        return differ(bitsOf(one), bitsOf(other)) / BIT_COUNT - angle / Math.PI;
      });
      expect(Math.abs(shares.reduce((sum, share) => sum + share, 0) / shares.length)).toBeLessThan(0.03);
    }
  });

  test('are cut into bands in which a pair of the wanted cosine meets', () => {
    expect(bandsFor(0.95)).toEqual({ bits: 16, count: 32 });
    expect(bandsFor(0.8).bits).toBeLessThan(16);
    expect(bandsFor(1)).toEqual({ bits: 16, count: 32 });
    expect(mostDifferent(1, BIT_COUNT)).toBe(0);
  });
});
