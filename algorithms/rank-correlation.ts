// Kendall's rank correlation of two lists with ties.

/**
 * Kendall's τ_b of two lists, ties counted: (concordant − discordant) / √((pairs − ties in x)(pairs − ties in y)).
 * O(n log n): Knight's method, the exchanges of a merge sort. NaN where either list is constant or has less than two
 * items.
 *
 * @see Knight 1966, A computer method for calculating Kendall's tau with ungrouped data
 */
export function kendallTau(x: ArrayLike<number>, y: ArrayLike<number>): number {
  if (x.length !== y.length)
    throw new RangeError(`kendallTau: lists must be equally long, got ${x.length}, ${y.length}`);
  const order = Uint32Array.from({ length: x.length }, (_, index) => index).sort(
    (left, right) => x[left]! - x[right]! || y[left]! - y[right]!,
  );
  const sorted = Float64Array.from(order, (index) => y[index]!);
  const pairs = pairsOf(x.length);
  const tiedX = tiedPairs(order.length, (a, b) => x[order[a]!] === x[order[b]!]);
  const tiedBoth = tiedPairs(order.length, (a, b) => x[order[a]!] === x[order[b]!] && sorted[a] === sorted[b]);
  const discordant = countExchanges(sorted);
  const tiedY = tiedPairs(sorted.length, (a, b) => sorted[a] === sorted[b]);
  const excess = pairs - tiedX - tiedY + tiedBoth - 2 * discordant;
  return excess / Math.sqrt((pairs - tiedX) * (pairs - tiedY));
}

function pairsOf(count: number): number {
  return (count * (count - 1)) / 2;
}

/** Pairs within runs of equal neighbours. */
function tiedPairs(count: number, isEqual: (left: number, right: number) => boolean): number {
  let pairs = 0;
  let start = 0;
  for (let index = 1; index <= count; index += 1) {
    if (index < count && isEqual(index - 1, index)) continue;
    pairs += pairsOf(index - start);
    start = index;
  }
  return pairs;
}

/** Sorts in place, and counts the pairs that stood in falling order. */
function countExchanges(values: Float64Array): number {
  let exchanges = 0;
  let source: Float64Array = values;
  let target: Float64Array = new Float64Array(values.length);
  for (let width = 1; width < values.length; width *= 2) {
    for (let start = 0; start < values.length; start += 2 * width) {
      const middle = Math.min(start + width, values.length);
      const end = Math.min(start + 2 * width, values.length);
      let [left, right] = [start, middle];
      for (let place = start; place < end; place += 1) {
        const takesRight = right < end && (left >= middle || source[right]! < source[left]!);
        if (takesRight) exchanges += middle - left;
        target[place] = takesRight ? source[right++]! : source[left++]!;
      }
    }
    [source, target] = [target, source];
  }
  values.set(source);
  return exchanges;
}
