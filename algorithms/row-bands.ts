// Rows by bands of their bits: rows that point the same way share one of them.
import { BIT_COUNT } from './row-bits.ts';

/** Least chance that a pair of just the wanted cosine meets in a band. */
const LEAST_RECALL = 0.998;

const MOST_BITS_OF_BAND = 16;

/** Standard deviations that a count of different bits may lie above what the wanted cosine gives. */
const TOLERANCE = 5;

/** Bytes of a row's bits that stand beside it in a bucket. */
const MARK_BYTES = 16;

const BIT_BYTES = BIT_COUNT / 8;

/** `count` bands of `bits` bits each. */
export interface Bands {
  bits: number;
  count: number;
}

/**
 * The longest bands in which a pair of a cosine still meets with a chance of 0.998, which is
 * 1 − (1 − (1 − angle/π)^bits)^count.
 */
export function bandsFor(cosine: number): Bands {
  const same = 1 - angleShare(cosine);
  for (let bits = MOST_BITS_OF_BAND; bits > 1; bits -= 1) {
    const count = Math.floor(BIT_COUNT / bits);
    if (1 - (1 - same ** bits) ** count >= LEAST_RECALL) return { bits, count };
  }
  return { bits: 1, count: BIT_COUNT };
}

/** How many of so many bits differ at most, but for one of three million pairs of a cosine. */
export function mostDifferent(cosine: number, bitCount: number): number {
  const share = angleShare(cosine);
  return Math.ceil(bitCount * share + TOLERANCE * Math.sqrt(bitCount * share * (1 - share)));
}

/** angle/π: the chance that two rows differ in a bit. */
function angleShare(cosine: number): number {
  return Math.acos(Math.min(1, Math.max(-1, cosine))) / Math.PI;
}

/** Where tables lie in a memory, and what looks through a bucket in it: `screen` of near-kernels.wat. */
export interface BandMemory {
  buffer: ArrayBuffer;
  /** Address of {@link bandBytes} bytes, a multiple of 16. */
  address: number;
  /** [row, 64] bits of all rows. */
  bits: Uint8Array;
  /** Rows that are found are written here, in the same memory. */
  list: Uint32Array;
  screen(rows: number, marks: number, count: number, own: number, most: number, list: number, kept: number): number;
}

/** Memory of the tables of so many rows. */
export function bandBytes({ count: bandCount }: Bands, rowCount: number): number {
  return (4 + MARK_BYTES) * bandCount * rowCount;
}

/** Rows that were added, by band and bucket: those of a bucket lie side by side, so that looking through it is fast. */
export class BandTables {
  readonly #bands: Bands;
  readonly #memory: BandMemory;
  readonly #most: number;
  /** [band, bucket] where the bucket begins, over all bands. */
  readonly #starts: Uint32Array;
  /** [band, bucket] rows that were added. */
  readonly #counts: Uint32Array;
  /** [band, place] rows, and 16 bytes of the bits of each. */
  readonly #rows: Uint32Array;
  readonly #marks: Uint8Array;

  /** Makes room for all rows of the memory; none is in it yet. */
  constructor(bands: Bands, cosine: number, memory: BandMemory) {
    const rowCount = memory.bits.length / BIT_BYTES;
    const places = bands.count * rowCount;
    this.#bands = bands;
    this.#memory = memory;
    this.#most = mostDifferent(cosine, 8 * MARK_BYTES);
    this.#marks = new Uint8Array(memory.buffer, memory.address, MARK_BYTES * places);
    this.#rows = new Uint32Array(memory.buffer, memory.address + MARK_BYTES * places, places);
    this.#starts = new Uint32Array(bands.count * 2 ** bands.bits + 1);
    this.#counts = new Uint32Array(bands.count * 2 ** bands.bits);
    for (let band = 0; band < bands.count; band += 1)
      for (let row = 0; row < rowCount; row += 1) this.#starts[this.#bucket(band, row) + 1]! += 1;
    for (let bucket = 1; bucket < this.#starts.length; bucket += 1) this.#starts[bucket]! += this.#starts[bucket - 1]!;
  }

  add(row: number): void {
    const { bits } = this.#memory;
    for (let band = 0; band < this.#bands.count; band += 1) {
      const bucket = this.#bucket(band, row);
      const place = this.#starts[bucket]! + this.#counts[bucket]!;
      const mark = row * BIT_BYTES + this.#markStart(band);
      this.#rows[place] = row;
      this.#marks.set(bits.subarray(mark, mark + MARK_BYTES), MARK_BYTES * place);
      this.#counts[bucket]! += 1;
    }
  }

  /**
   * Writes rows that share a band with a row and differ in few of 128 bits besides to the list, some several times.
   * @returns how many; no more than the list holds
   */
  collect(row: number): number {
    const { list, bits, screen } = this.#memory;
    let found = 0;
    for (let band = 0; band < this.#bands.count; band += 1) {
      const bucket = this.#bucket(band, row);
      const count = Math.min(this.#counts[bucket]!, list.length - found);
      if (count === 0) continue;
      const start = this.#starts[bucket]!;
      const own = bits.byteOffset + row * BIT_BYTES + this.#markStart(band);
      const marks = this.#marks.byteOffset + MARK_BYTES * start;
      found = screen(this.#rows.byteOffset + 4 * start, marks, count, own, this.#most, list.byteOffset, found);
    }
    return found;
  }

  /** The bits beside a row are those of another quarter than the band's own. */
  #markStart(band: number): number {
    const quarter = Math.floor((4 * band * this.#bands.bits) / BIT_COUNT);
    return MARK_BYTES * ((quarter + 2) % 4);
  }

  #bucket(band: number, row: number): number {
    const { bits } = this.#bands;
    const first = band * bits;
    const byte = row * BIT_BYTES + (first >> 3);
    const own = this.#memory.bits;
    const word = own[byte]! | ((own[byte + 1] ?? 0) << 8) | ((own[byte + 2] ?? 0) << 16);
    return band * 2 ** bits + ((word >> (first & 7)) & (2 ** bits - 1));
  }
}
