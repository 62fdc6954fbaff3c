// Rows by ascending keys, each order made once: a radix sort of the bits of doubles.

/** Rows of a table in the order of a key. */
export interface RowOrder {
  /** Row indexes by ascending key, equal keys in the order of rows; rows without a key last. */
  order: Uint32Array;
  /** Rows with a key. */
  knownCount: number;
}

const DIGIT_BITS = 16;
const DIGITS = 1 << DIGIT_BITS;

/** Orders of columns by name. */
export class RowOrders {
  readonly #columns: Readonly<Record<string, Float64Array | Uint32Array>>;
  readonly #known = new Map<string, RowOrder>();

  constructor(columns: Readonly<Record<string, Float64Array | Uint32Array>>) {
    this.#columns = columns;
  }

  of(name: string): RowOrder {
    let found = this.#known.get(name);
    if (found === undefined) this.#known.set(name, (found = orderOf(this.#columns[name]!)));
    return found;
  }
}

/** Sorts rows by their keys, NaN last: the bits of a double compare as whole numbers where its sign is taken out. */
export function orderOf(keys: Float64Array | Uint32Array): RowOrder {
  const doubles = Float64Array.from(keys);
  const bits = new Uint32Array(doubles.buffer);
  let knownCount = 0;
  let order = new Uint32Array(keys.length);
  for (let row = 0; row < keys.length; row += 1) if (!Number.isNaN(doubles[row]!)) order[knownCount++] = row;
  let end = knownCount;
  for (let row = 0; row < keys.length; row += 1) if (Number.isNaN(doubles[row]!)) order[end++] = row;
  for (let row = 0; row < keys.length; row += 1) {
    // −0 and 0 are one key.
    if (doubles[row] === 0) doubles[row] = 0;
    const [low, high] = [2 * row, 2 * row + 1];
    if (bits[high]! >>> 31 === 1) {
      bits[low] = ~bits[low]!;
      bits[high] = ~bits[high]!;
    } else bits[high]! ^= 0x80000000;
  }
  let target = order.slice();
  const digits = new Uint16Array(doubles.buffer);
  for (let digit = 0; digit < 64 / DIGIT_BITS; digit += 1) {
    if (!sortByDigit(digits, digit, order, target, knownCount)) continue;
    [order, target] = [target, order];
  }
  return { order, knownCount };
}

/** One stable pass of the sort. @returns false where all digits are the same, so that there is nothing to do */
function sortByDigit(digits: Uint16Array, digit: number, from: Uint32Array, to: Uint32Array, count: number): boolean {
  const places = new Uint32Array(DIGITS);
  for (let place = 0; place < count; place += 1) places[digits[4 * from[place]! + digit]!]! += 1;
  if (count === 0 || places[digits[4 * from[0]! + digit]!] === count) return false;
  let sum = 0;
  for (let value = 0; value < DIGITS; value += 1) {
    const own = places[value]!;
    places[value] = sum;
    sum += own;
  }
  for (let place = 0; place < count; place += 1) {
    const row = from[place]!;
    to[places[digits[4 * row + digit]!]!++] = row;
  }
  return true;
}
