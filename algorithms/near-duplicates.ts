// Rows of a task whose gradients point the same way as an earlier row's.
import { NEAR_KERNELS_CODE } from './near-kernels-code.ts';
import { bandBytes, bandsFor, BandTables, mostDifferent } from './row-bands.ts';
import type { BandMemory } from './row-bands.ts';
import { BIT_COUNT, RowBits } from './row-bits.ts';
import { moduleInstances } from './web-assembly.ts';

/** What near-kernels.wat exports; addresses in bytes. */
interface Kernels {
  memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  dot(row: number, end: number, other: number): number;
  first(
    list: number,
    count: number,
    row: number,
    codes: number,
    width: number,
    cut: number,
    norms: number,
    least: number,
  ): number;
  screen: BandMemory['screen'];
  alike(list: number, count: number, row: number, bits: number, most: number): number;
}

const PAGE_BYTES = 65_536;
const LARGEST_MEMORY_BYTES = 2 ** 32;

/** Codes handled at a time; a row is padded to a multiple. */
const STEP = 16;

/** Rows up to which every pair is compared. */
const EXACT_ROWS = 2048;

/** Share of a row's codes that are multiplied before the rest is bounded. */
const FIRST_SHARE = 1 / 8;

/** Of a row, in bytes. */
const NORM_BYTES = 16;
const BIT_BYTES = BIT_COUNT / 8;

const instantiate = moduleInstances<Kernels>(NEAR_KERNELS_CODE);

/** Rows of one task, in the order in which they are visited: ascending content. */
export interface VisitedRows {
  /** [row, sketch] codes of the int8 encoding; float32 gradients are encoded first, so storages drop the same rows. */
  codes: Int8Array;
  sketch: number;
}

/**
 * Visits rows one after the other, and finds for each a kept row whose cosine with it is at least a threshold, where
 * there is none the row is kept; or all earlier rows whose cosine is. Cosines are those of the codes, exactly.
 *
 * Up to 2048 rows every kept row is compared. Above, candidates are the kept rows that share a band of 16 bits of
 * their direction (fewer below a cosine of 0.95) and differ in few of 512: a pair just at the threshold is missed with
 * a chance of 0.2 %, a nearer one rarely. A row without direction is near to none. Memory: the codes once more, and 750
 * bytes a row. It can be used for one task after the other.
 */
export class NearDuplicateSearch {
  readonly #cosine: number;
  readonly #exactRows: number;
  readonly #kernels = instantiate();

  /** @param cosine in (0, 1] @param exactRows rows of a task up to which every pair is compared */
  constructor(cosine: number, exactRows = EXACT_ROWS) {
    this.#cosine = cosine;
    this.#exactRows = exactRows;
  }

  /**
   * Each row in turn: [row, the kept row that it is near to]; a row that is kept is near to itself.
   *
   * @throws RangeError where the rows exceed 4 GiB.
   */
  *visit({ codes, sketch }: VisitedRows): Generator<[row: number, kept: number]> {
    const rowCount = codes.length / sketch;
    const space = this.#layOut(codes, sketch, rowCount > this.#exactRows, 1);
    let keptCount = 0;
    for (let row = 0; row < rowCount; row += 1) {
      const found = space.norms[2 * row] === 0 ? row : this.#first(space, row, keptCount);
      if (found < 0 && space.tables === null) space.list[keptCount++] = row;
      if (found < 0) space.tables?.add(row);
      yield [row, found < 0 ? row : found];
    }
  }

  /**
   * Each row in turn: [row, all rows before it that it is near to], in any order. Of rows above the exact number as few
   * pairs are missed as `visit` misses. Time: a product for each pair that is near, beside that of `visit`.
   *
   * @throws RangeError where the rows exceed 4 GiB.
   */
  *pairs({ codes, sketch }: VisitedRows): Generator<[row: number, near: number[]]> {
    const rowCount = codes.length / sketch;
    // A list of every band's rows, none left out where many are near.
    const space = this.#layOut(codes, sketch, rowCount > this.#exactRows, bandsFor(this.#cosine).count);
    let visitedCount = 0;
    for (let row = 0; row < rowCount; row += 1) {
      if (space.norms[2 * row] === 0) {
        yield [row, []];
        continue;
      }
      const near = this.#all(space, row, visitedCount);
      if (space.tables === null) space.list[visitedCount++] = row;
      else space.tables.add(row);
      yield [row, near];
    }
  }

  /** All rows of those that were visited that are near to a row. */
  #all({ list, codes, width, cut, norms, bits, tables }: Space, row: number, visitedCount: number): number[] {
    const { alike, first } = this.#kernels;
    let end = visitedCount;
    if (tables !== null) {
      const most = mostDifferent(this.#cosine, BIT_COUNT);
      const found = alike(list.byteOffset, tables.collect(row), row, bits.byteOffset, most);
      // A row stands there once for each band that it shares.
      const candidates = [...new Set(list.subarray(0, found))];
      list.set(candidates);
      end = candidates.length;
    }
    const near: number[] = [];
    for (let start = 0; start < end;) {
      const address = list.byteOffset + 4 * start;
      const place = first(address, end - start, row, codes.byteOffset, width, cut, norms.byteOffset, this.#cosine);
      if (place < 0) break;
      near.push(list[start + place]!);
      start += place + 1;
    }
    return near;
  }

  /** A kept row that is near to a row, or −1. */
  #first({ list, codes, width, cut, norms, bits, tables }: Space, row: number, keptCount: number): number {
    const { alike, first } = this.#kernels;
    const most = mostDifferent(this.#cosine, BIT_COUNT);
    const { byteOffset } = list;
    const count = tables === null ? keptCount : alike(byteOffset, tables.collect(row), row, bits.byteOffset, most);
    const place = first(byteOffset, count, row, codes.byteOffset, width, cut, norms.byteOffset, this.#cosine);
    return place < 0 ? -1 : list[place]!;
  }

  /**
   * Writes the rows, their norms and, where it is wanted, their bits to WebAssembly memory.
   * @param listLength places of the list for each row, where bits are wanted; else one
   */
  #layOut(codes: Int8Array, sketch: number, isBanded: boolean, listLength: number): Space {
    const rowCount = codes.length / sketch;
    const width = roundUp(sketch);
    const cut = roundUp(width * FIRST_SHARE);
    const bands = bandsFor(this.#cosine);
    const places = isBanded ? listLength : 1;
    const ends = [NORM_BYTES, isBanded ? BIT_BYTES : 0, 4 * places, width].map((bytes) => roundUp(bytes * rowCount));
    const [bitsAt, listAt, codesAt, tablesAt] = runningSums(ends) as [number, number, number, number];
    const buffer = this.#reserve(tablesAt + (isBanded ? bandBytes(bands, rowCount) : 0), rowCount, sketch);
    const space = {
      norms: new Float64Array(buffer, 0, 2 * rowCount),
      bits: new Uint8Array(buffer, bitsAt, isBanded ? BIT_BYTES * rowCount : 0),
      list: new Uint32Array(buffer, listAt, places * rowCount),
      codes: new Int8Array(buffer, codesAt, width * rowCount),
      width,
      cut,
    };
    // An earlier task may have left codes behind those of a row.
    if (width !== sketch) space.codes.fill(0);
    for (let row = 0; row < rowCount; row += 1)
      space.codes.set(codes.subarray(row * sketch, (row + 1) * sketch), row * width);
    this.#writeNorms(space, rowCount);
    if (!isBanded) return { ...space, tables: null };
    writeBits(codes, sketch, space.bits);
    const memory = { ...space, buffer, address: tablesAt, screen: this.#kernels.screen };
    return { ...space, tables: new BandTables(bands, this.#cosine, memory) };
  }

  #reserve(byteCount: number, rowCount: number, sketch: number): ArrayBuffer {
    if (byteCount > LARGEST_MEMORY_BYTES)
      throw new RangeError(`near duplicates: rows × sketch of a task must fit 4 GiB, got ${rowCount} × ${sketch}`);
    const { memory } = this.#kernels;
    const missing = byteCount - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
    return memory.buffer;
  }

  #writeNorms({ codes, width, cut, norms }: Pick<Space, 'codes' | 'width' | 'cut' | 'norms'>, rowCount: number): void {
    for (let row = 0; row < rowCount; row += 1) {
      const start = codes.byteOffset + row * width;
      const square = (from: number, to: number): number =>
        from === to ? 0 : this.#kernels.dot(start + from, start + to, start + from);
      const rest = square(cut, width);
      norms[2 * row] = Math.sqrt(square(0, cut) + rest);
      norms[2 * row + 1] = Math.sqrt(rest);
    }
  }
}

/** Rows of a task in WebAssembly memory. */
interface Space {
  /** [row, 2] norm of all codes, and of those from `cut` on. */
  norms: Float64Array;
  /** [row, 64] bits of the direction; empty where all rows are compared. */
  bits: Uint8Array;
  /** Rows that a row is compared with. */
  list: Uint32Array;
  /** [row, width]. */
  codes: Int8Array;
  width: number;
  cut: number;
  /** Kept rows by their bits; null where all rows are compared. */
  tables: BandTables | null;
}

function roundUp(byteCount: number): number {
  return Math.ceil(byteCount / STEP) * STEP;
}

function runningSums(values: readonly number[]): number[] {
  let sum = 0;
  return values.map((value) => (sum += value));
}

function writeBits(codes: Int8Array, sketch: number, bits: Uint8Array): void {
  const maker = new RowBits(sketch);
  bits.fill(0);
  for (let row = 0; row * sketch < codes.length; row += 1) maker.write(codes, row * sketch, bits, row * BIT_BYTES);
}
