// Philox 4x32-10, the counter-based generator behind all random streams.

/** Key of one Philox stream: two unsigned 32-bit words. */
export interface PhiloxKey {
  key0: number;
  key1: number;
}

const ROUND_COUNT = 10;
const MULTIPLIER_0 = 0xd2511f53 | 0;
const MULTIPLIER_1 = 0xcd9e8d57 | 0;
const MULTIPLIER_0_LOW = 0x1f53;
const MULTIPLIER_0_HIGH = 0xd251;
const MULTIPLIER_1_LOW = 0x8d57;
const MULTIPLIER_1_HIGH = 0xcd9e;
const WEYL_0 = 0x9e3779b9 | 0;
const WEYL_1 = 0xbb67ae85 | 0;

/** Upper 32 bits of the unsigned product value · (factorHigh · 2^16 + factorLow), by 16-bit halves. */
function multiplyHigh(value: number, factorLow: number, factorHigh: number): number {
  const low = value & 0xffff;
  const high = value >>> 16;
  const carry = Math.imul(low, factorLow) >>> 16;
  const middle = (Math.imul(high, factorLow) + carry) | 0;
  const other = (Math.imul(low, factorHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(high, factorHigh) + (middle >>> 16) + (other >>> 16)) | 0;
}

/**
 * Philox4x32-10: four random 32-bit words as a pure function of a 128-bit counter and a 64-bit key.
 *
 * Writes the words to `output[outputStart … outputStart + 3]`. Counter and key words may be signed or unsigned; only
 * their 32 bits count. Counter and key 0 give 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
 *
 * @see Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011)
 */
export function philox4x32(
  counter0: number,
  counter1: number,
  counter2: number,
  counter3: number,
  key: PhiloxKey,
  output: Uint32Array,
  outputStart = 0,
): void {
  let word0 = counter0 | 0;
  let word1 = counter1 | 0;
  let word2 = counter2 | 0;
  let word3 = counter3 | 0;
  let key0 = key.key0 | 0;
  let key1 = key.key1 | 0;
  for (let round = 0; round < ROUND_COUNT; round += 1) {
    const high0 = multiplyHigh(word0, MULTIPLIER_0_LOW, MULTIPLIER_0_HIGH);
    const high1 = multiplyHigh(word2, MULTIPLIER_1_LOW, MULTIPLIER_1_HIGH);
    const low0 = Math.imul(word0, MULTIPLIER_0);
    const low1 = Math.imul(word2, MULTIPLIER_1);
    word0 = high1 ^ word1 ^ key0;
    word1 = low1;
    word2 = high0 ^ word3 ^ key1;
    word3 = low0;
    key0 = (key0 + WEYL_0) | 0;
    key1 = (key1 + WEYL_1) | 0;
  }
  output[outputStart] = word0;
  output[outputStart + 1] = word1;
  output[outputStart + 2] = word2;
  output[outputStart + 3] = word3;
}
