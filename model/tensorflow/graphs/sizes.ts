// Sizes of a batch inside a graph: a number that is a product of them, found from two batches.

/** Sizes by their names. */
export type Sizes = Readonly<Record<string, number>>;

/** coefficient · product of the named sizes. */
export interface SizeProduct {
  coefficient: number;
  names: readonly string[];
}

/** The value of a product at given sizes. */
export function productAt({ coefficient, names }: SizeProduct, sizes: Sizes): number {
  return names.reduce((product, name) => product * sizes[name]!, coefficient);
}

/**
 * The product of sizes, each at most once, that is `first` at the first sizes and `second` at the second ones. With
 * different primes there is at most one.
 *
 * @throws RangeError where there is none
 */
export function findProduct(
  [first, second]: readonly [number, number],
  [firstSizes, secondSizes]: readonly [Sizes, Sizes],
): SizeProduct {
  if (first === second) return { coefficient: first, names: [] };
  const all = Object.keys(firstSizes);
  for (let chosen = 1; chosen < 2 ** all.length; chosen += 1) {
    const names = all.filter((_, index) => (chosen >> index) % 2 === 1);
    const coefficient = first / productAt({ coefficient: 1, names }, firstSizes);
    if (Number.isInteger(coefficient) && productAt({ coefficient, names }, secondSizes) === second)
      return { coefficient, names };
  }
  throw new RangeError(`graph: a size must be a product of ${all.join(', ')}, got ${first} and ${second}`);
}
