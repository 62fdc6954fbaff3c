// Numbers of rows for groups of queries, put together.
import type { QueryColumn } from '../../contracts/methods.ts';

/** [example] the largest over the groups; −∞ where there is none. */
export function largestOfGroups({ groupCount, values }: QueryColumn): Float64Array {
  const rowCount = values.length / Math.max(1, groupCount);
  const largest = new Float64Array(rowCount).fill(-Infinity);
  for (let row = 0; row < rowCount; row += 1)
    for (let group = 0; group < groupCount; group += 1)
      largest[row] = Math.max(largest[row]!, values[row * groupCount + group]!);
  return largest;
}
