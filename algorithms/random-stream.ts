// Named random streams: draws by seed, purpose and content, free of any order.
import { createHash, hash } from 'node:crypto';
import { philox4x32 } from './philox.ts';
import type { PhiloxKey } from './philox.ts';

/** Bytes of one content hash (SHA-256). */
export const CONTENT_HASH_BYTES = 32;

const OCCURRENCE_BYTES = 4;
const LARGEST_UINT32 = 0xffffffff;

/**
 * Key of a Philox stream: the first 8 bytes, as two big-endian words, of SHA-256(prefix ‖ seed as u64 BE).
 *
 * @param prefix names the purpose and ends in a zero byte, e.g. `tive-proj/v1\0`.
 * @param seed integer in [0, 2^53).
 * @throws RangeError where the seed is no such integer.
 */
export function philoxKey(prefix: string, seed: number): PhiloxKey {
  const digest = createHash('sha256').update(seededPrefix(prefix, seed)).digest();
  return { key0: digest.readUInt32BE(0), key1: digest.readUInt32BE(4) };
}

/** prefix ‖ seed as u64 BE. */
function seededPrefix(prefix: string, seed: number): Buffer {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`random stream: seed must be an integer in [0, 2^53), got ${seed}`);
  }
  const text = Buffer.from(prefix, 'utf8');
  const bytes = Buffer.alloc(text.length + 8);
  text.copy(bytes);
  bytes.writeBigUInt64BE(BigInt(seed), text.length);
  return bytes;
}

function streamPrefix(stream: string): string {
  return `tive/v1\0${stream}\0`;
}

/** 52 bits of two words as a number in (0, 1): a + 0.5 is exact, so 0 and 1 never occur. */
function uniformOfWords(high: number, low: number): number {
  return (high * 2 ** 20 + (low >>> 12) + 0.5) * 2 ** -52;
}

/** Draws that depend on the content of a row alone. */
export interface ContentStream {
  /**
   * u in (0, 1) of one row: (a + 0.5) · 2^-52, a = upper 52 bits of
   * SHA-256("tive/v1" ‖ 00 ‖ stream ‖ 00 ‖ seed u64 BE ‖ content hash ‖ occurrence u32 BE).
   *
   * @param contentHashes [example, 32] bytes.
   * @param position row within `contentHashes`.
   * @param occurrence 0 for the first of identical rows, 1 for the second, … below 2^32.
   */
  uniform(contentHashes: Uint8Array, position: number, occurrence: number): number;
}

/**
 * A named stream of draws by content: the same content gets the same number whatever the row order, the number of
 * shards or the other rows. Costs one SHA-256 of about 80 bytes a draw.
 *
 * @param stream purpose, e.g. `select/instance/gqa`.
 * @param seed integer in [0, 2^53).
 */
export function createContentStream(stream: string, seed: number): ContentStream {
  const prefix = seededPrefix(streamPrefix(stream), seed);
  const message = Buffer.alloc(prefix.length + CONTENT_HASH_BYTES + OCCURRENCE_BYTES);
  prefix.copy(message);
  return {
    uniform(contentHashes, position, occurrence) {
      const hashStart = position * CONTENT_HASH_BYTES;
      if (hashStart + CONTENT_HASH_BYTES > contentHashes.length) {
        const bytes = contentHashes.length;
        throw new RangeError(`random stream: content hashes must hold row ${position}, got ${bytes} bytes`);
      }
      message.set(contentHashes.subarray(hashStart, hashStart + CONTENT_HASH_BYTES), prefix.length);
      message.writeUInt32BE(occurrence, prefix.length + CONTENT_HASH_BYTES);
      const digest = hash('sha256', message, 'buffer');
      return uniformOfWords(digest.readUInt32BE(0), digest.readUInt32BE(4));
    },
  };
}

/**
 * Standard Gumbel value G = −ln(−ln u) of a uniform u in (0, 1).
 *
 * @see arXiv:1903.06059
 */
export function gumbel(uniform: number): number {
  return -Math.log(-Math.log(uniform));
}

/** A sequence of draws: the i-th draw depends on stream, seed and i alone. */
export interface Random {
  /** Next number in (0, 1), 52 bits. */
  uniform(): number;
  /** Next integer in [0, count), without bias; count in [1, 2^32]. */
  integer(count: number): number;
  /** Next standard normal number (Box–Muller, one of each pair). */
  normal(): number;
}

/**
 * A named sequence of random numbers, made by Philox4x32-10 under the key
 * SHA-256("tive/v1" ‖ 00 ‖ stream ‖ 00 ‖ seed u64 BE), counter 0, 1, 2, …
 *
 * Two words make one draw. `integer` repeats a draw, rarely, to stay without bias.
 *
 * @param stream purpose, e.g. `train/shuffle/0`.
 * @param seed integer in [0, 2^53).
 */
export function createRandom(stream: string, seed: number): Random {
  const key = philoxKey(streamPrefix(stream), seed);
  const words = new Uint32Array(4);
  let drawCount = 0;
  function uniform(): number {
    const half = (drawCount % 2) * 2;
    const block = (drawCount - (drawCount % 2)) / 2;
    if (half === 0) philox4x32(block, block / 2 ** 32, 0, 0, key, words);
    drawCount += 1;
    return uniformOfWords(words[half]!, words[half + 1]!);
  }
  return {
    uniform,
    integer(count) {
      if (!Number.isInteger(count) || count < 1 || count > LARGEST_UINT32 + 1) {
        throw new RangeError(`random integer: count must be an integer in [1, 2^32], got ${count}`);
      }
      const limit = 2 ** 52 - (2 ** 52 % count);
      let draw = Math.floor(uniform() * 2 ** 52);
      while (draw >= limit) draw = Math.floor(uniform() * 2 ** 52);
      return draw % count;
    },
    normal() {
      const radius = Math.sqrt(-2 * Math.log(uniform()));
      return radius * Math.cos(2 * Math.PI * uniform());
    },
  };
}

/**
 * A random order of `count` positions: sorted by the i-th uniform of the named stream, ties by position.
 *
 * @returns [count] positions, each once. O(n log n).
 */
export function shuffledOrder(count: number, stream: string, seed: number): Uint32Array {
  const random = createRandom(stream, seed);
  const keys = Float64Array.from({ length: count }, () => random.uniform());
  return Uint32Array.from({ length: count }, (_, position) => position).sort(
    (left, right) => keys[left]! - keys[right]! || left - right,
  );
}

/** A place with a chance in proportion to its weight; any where all are 0. @param uniform in [0, 1) */
export function pickPlace(weights: Float64Array, uniform: number): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return Math.floor(uniform * weights.length);
  let rest = uniform * total;
  for (const [place, weight] of weights.entries()) {
    rest -= weight;
    if (rest < 0 && weight > 0) return place;
  }
  return weights.findLastIndex((weight) => weight > 0);
}
