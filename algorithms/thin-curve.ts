// A curve with few of its points.

/**
 * Places of the points that stand for a curve of many: the first, the last, and of every stretch its lowest and its
 * highest. Stretches are of 2^k points, counted from the first, with the least k that keeps to the limit: while a curve
 * grows, a point that was left out does not come back, but for the one that was the last. No peak and no dip is lost.
 *
 * @param values [point]; NaN is never a stretch's lowest or highest unless it is its first.
 * @param most limit of the places, at least 4.
 * @returns places in order, each once, at most `most`; all of them where there are no more. Linear time.
 */
export function thinCurve(values: ArrayLike<number>, most: number): number[] {
  const count = values.length;
  if (count <= most) return Array.from({ length: count }, (_, place) => place);
  let length = 2;
  while (2 * Math.ceil(count / length) + 2 > most && length < count) length *= 2;
  const kept = new Set([0, count - 1]);
  for (let start = 0; start < count; start += length) {
    let [low, high] = [start, start];
    for (let place = start; place < Math.min(count, start + length); place += 1) {
      if (values[place]! < values[low]!) low = place;
      if (values[place]! > values[high]!) high = place;
    }
    kept.add(low).add(high);
  }
  return [...kept].sort((left, right) => left - right);
}
