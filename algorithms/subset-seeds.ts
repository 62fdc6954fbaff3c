// Seeds of random subsets, free of hashing: workflows draw them too.
import { philox4x32 } from './philox.ts';

/** Letters `lds ` and `seed`: the key that names the stream. */
const KEY = { key0: 0x6c647320, key1: 0x73656564 };

/**
 * Seeds of the subsets of a linear datamodelling score, a named stream of their own: the j-th is 52 bits of
 * Philox4x32-10 at counter (j, 0, run seed), so more subsets begin with the same ones, and runs with neighbouring seeds
 * have others. They are 2^52 and more, so none is a seed that a benchmark compares.
 *
 * @param runSeed integer in [0, 2^53)
 * @returns [subset] integers in [2^52, 2^53)
 */
export function subsetSeeds(runSeed: number, count: number): number[] {
  const words = new Uint32Array(4);
  return Array.from({ length: count }, (_, subset) => {
    philox4x32(subset, 0, runSeed >>> 0, Math.floor(runSeed / 2 ** 32), KEY, words);
    return 2 ** 52 + words[0]! * 2 ** 20 + (words[1]! >>> 12);
  });
}
