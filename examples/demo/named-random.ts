// Random numbers of the demo's programs, by purpose.
import { createHash } from 'node:crypto';

/** A stream of random numbers that belongs to one purpose. */
export interface Random {
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number;
  /** Uniform integer in [start, end). */
  integer(start: number, end: number): number;
  /** Standard normal variate. */
  normal(): number;
  /** One of the items, each equally likely. */
  pick<Item>(items: readonly Item[]): Item;
  /** `count` different items in random order; all of them in random order when `count` is left out. */
  sample<Item>(items: readonly Item[], count?: number): Item[];
}

/**
 * The stream of a name. Equal names give equal streams, so a row depends on its own name alone and never on which rows
 * were drawn before it.
 *
 * @param name parts of the name, such as seed, split, task and row number
 */
export function createRandom(...name: readonly (string | number)[]): Random {
  const next = smallFastCounter(createHash('sha256').update(JSON.stringify(name)).digest());
  const uniform = (): number => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
  const integer = (start: number, end: number): number => start + Math.floor(uniform() * (end - start));
  return {
    uniform,
    integer,
    // Box-Muller; 1 − u lies in (0, 1], where the logarithm is finite
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    pick: (items) => {
      if (items.length === 0) throw new RangeError('pick: items must not be empty, got 0 items');
      return items[integer(0, items.length)]!;
    },
    sample: (items, count = items.length) => sampleWithoutReplacement(items, count, integer),
  };
}

/** Fisher-Yates, stopped after `count` items. */
function sampleWithoutReplacement<Item>(
  items: readonly Item[],
  count: number,
  integer: (start: number, end: number) => number,
): Item[] {
  if (count > items.length) throw new RangeError(`sample: count must be at most ${items.length}, got ${count}`);
  const pool = [...items];
  for (let at = 0; at < count; at += 1) {
    const other = integer(at, pool.length);
    [pool[at], pool[other]] = [pool[other]!, pool[at]!];
  }
  return pool.slice(0, count);
}

/** The generator sfc32 (128 bits of state, period at least 2³²), seeded by the first 12 bytes of a hash. */
function smallFastCounter(seed: Buffer): () => number {
  let [a, b, c, counter] = [seed.readInt32LE(0), seed.readInt32LE(4), seed.readInt32LE(8), 1];
  const next = (): number => {
    const output = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + output) | 0;
    return output;
  };
  for (let round = 0; round < 12; round += 1) next(); // the first outputs still show the seed
  return next;
}
