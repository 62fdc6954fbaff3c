// Exact sums of float64, whatever the order of what is added.

/** An exact running sum: non-overlapping float64 parts whose exact sum is the exact sum of all that was added. */
export interface ExactSum {
  /** By increasing magnitude; usually one to three. */
  parts: number[];
}

/** An empty exact sum, value 0. */
export function createExactSum(): ExactSum {
  return { parts: [] };
}

/**
 * Adds a number without any rounding (Shewchuk's growing expansion).
 *
 * @throws RangeError where the number is not finite, or the sum leaves float64.
 */
export function addExact(sum: ExactSum, value: number): void {
  if (!Number.isFinite(value)) throw new RangeError(`exact sum: numbers must be finite, got ${value}`);
  const { parts } = sum;
  let carried = value;
  let kept = 0;
  for (let index = 0; index < parts.length; index += 1) {
    const part = parts[index]!;
    const high = carried + part;
    const low = Math.abs(carried) < Math.abs(part) ? carried - (high - part) : part - (high - carried);
    if (low !== 0) {
      parts[kept] = low;
      kept += 1;
    }
    carried = high;
  }
  if (!Number.isFinite(carried)) throw new RangeError('exact sum: the sum must stay within float64, got an overflow');
  parts.length = kept;
  parts.push(carried);
}

/** Adds all of `from` to `into`, without any rounding. */
export function mergeExact(into: ExactSum, from: ExactSum): void {
  for (const part of from.parts) addExact(into, part);
}

/**
 * The exact sum rounded once to float64 (half to even): the same bits for any order and any merging.
 *
 * An empty sum is 0.
 */
export function exactValue({ parts }: ExactSum): number {
  let index = parts.length - 1;
  if (index < 0) return 0;
  let high = parts[index]!;
  let low = 0;
  while (index > 0 && low === 0) {
    index -= 1;
    const before = high;
    const part = parts[index]!;
    high = before + part;
    low = part - (high - before);
  }
  // Half-way between two numbers, the parts below decide; without this step they would be rounded away.
  const next = index > 0 ? parts[index - 1]! : 0;
  if ((low < 0 && next < 0) || (low > 0 && next > 0)) {
    const doubled = low * 2;
    const rounded = high + doubled;
    if (doubled === rounded - high) return rounded;
  }
  return high;
}
