// Rank correlations of lists with ties: Kendall's τ, and Spearman's ρ of resamples.

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

/** A list's items by value: what rank correlations of its resamples are made from. */
export interface Ranking {
  /** [place] item, by ascending value. */
  order: Uint32Array;
  /** [place] 1 where the value is that of the place before. */
  isTied: Uint8Array;
}

/** @param values finite. O(n log n). */
export function rankingOf(values: ArrayLike<number>): Ranking {
  const order = Uint32Array.from({ length: values.length }, (_, item) => item).sort(
    (left, right) => values[left]! - values[right]! || left - right,
  );
  const isTied = Uint8Array.from(order, (item, place) =>
    Number(place > 0 && values[item] === values[order[place - 1]!]),
  );
  return { order, isTied };
}

/**
 * Spearman's ρ of two lists, once for every resample of their items: the correlation of ranks, ties given their mean
 * rank. An item that stands c times in a resample counts as c items of equal values; counts of 1 give the ρ of the
 * lists themselves. O(resamples · n), since the items are sorted already.
 *
 * @param counts [resample, item] how often the item stands in the resample
 * @returns [resample] NaN where either list is constant in the resample, or it has less than two items
 */
export function spearmanRhos(x: Ranking, y: Ranking, counts: Uint16Array): Float64Array {
  const itemCount = x.order.length;
  const ranksX = new Float64Array(itemCount);
  const ranksY = new Float64Array(itemCount);
  return Float64Array.from({ length: counts.length / itemCount }, (_, resample) => {
    const own = counts.subarray(resample * itemCount, (resample + 1) * itemCount);
    centredRanks(x, own, ranksX);
    centredRanks(y, own, ranksY);
    let [both, squaresX, squaresY] = [0, 0, 0];
    for (let item = 0; item < itemCount; item += 1) {
      const [left, right, count] = [ranksX[item]!, ranksY[item]!, own[item]!];
      both += count * left * right;
      squaresX += count * left * left;
      squaresY += count * right * right;
    }
    return both / Math.sqrt(squaresX * squaresY);
  });
}

/** Writes the mean rank of each item's run of equal values, less the mean of all ranks: halves, so exact. */
function centredRanks({ order, isTied }: Ranking, counts: Uint16Array, into: Float64Array): void {
  let total = 0;
  for (const count of counts) total += count;
  let below = 0;
  for (let start = 0, end = 0; start < order.length; start = end) {
    let equal = 0;
    do equal += counts[order[end++]!]!;
    while (end < order.length && isTied[end] === 1);
    for (let place = start; place < end; place += 1) into[order[place]!] = below + equal / 2 - total / 2;
    below += equal;
  }
}
