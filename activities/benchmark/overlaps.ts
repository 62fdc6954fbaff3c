// How alike the methods' choices are, and those of one method with other seeds.
import type { SelectionOverlap } from '../../contracts/benchmark-summary.ts';
import type { SelectionMethod } from '../../contracts/config.ts';
import type { BenchmarkArm } from '../../contracts/messages/benchmark.ts';
import { mean } from '../../algorithms/statistics.ts';
import type { Store } from '../../store/store.ts';
import { readCopies } from '../../tables/selection.ts';

/**
 * Jaccard index of every pair of methods: mean over the seeds; of a method with itself: mean over neighbouring seeds.
 * Two seeds' choices are in memory at a time.
 *
 * @param arms of one budget and length
 */
export async function overlapsOf(store: Store, arms: readonly BenchmarkArm[]): Promise<SelectionOverlap[]> {
  const seeds = [...new Set(arms.map(({ seed }) => seed))].sort((left, right) => left - right);
  const methods = [...new Set(arms.map(({ method }) => method))];
  const found = new Map<string, number[]>();
  let before: Map<SelectionMethod, ReadonlySet<number>> | null = null;
  for (const seed of seeds) {
    const chosen = new Map<SelectionMethod, ReadonlySet<number>>();
    for (const { method, selection } of arms.filter((arm) => arm.seed === seed))
      chosen.set(method, new Set((await readCopies(store, selection)).keys()));
    for (const [left, right] of pairs(methods)) {
      const other = left === right ? before?.get(right) : chosen.get(right);
      if (other === undefined) continue;
      const key = `${left} ${right}`;
      found.set(key, [...(found.get(key) ?? []), jaccard(chosen.get(left)!, other)]);
    }
    before = chosen;
  }
  return pairs(methods).map(([left, right]) => {
    const values = found.get(`${left} ${right}`);
    return { left, right, jaccard: values === undefined ? null : mean(values) };
  });
}

function pairs(methods: readonly SelectionMethod[]): [SelectionMethod, SelectionMethod][] {
  return methods.flatMap((left, index) =>
    methods.slice(index).map((right) => [left, right] as [typeof left, typeof right]),
  );
}

/** |A ∩ B| / |A ∪ B|; 1 for two empty sets. */
export function jaccard(left: ReadonlySet<number>, right: ReadonlySet<number>): number {
  let both = 0;
  for (const row of left) if (right.has(row)) both += 1;
  const either = left.size + right.size - both;
  return either === 0 ? 1 : both / either;
}
