// How much was taken of what a condition of stress did to the rows.
import { STRESS_KINDS, stressKindOf } from '../../contracts/stress.ts';
import type { StressKind, StressShare } from '../../contracts/stress.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { Store } from '../../store/store.ts';
import { rowsTable } from '../../tables/rows.ts';

/** What was done to each row, by its index; null where the dataset is under no condition. */
export async function stressKinds(store: Store, rows: ArtifactReference): Promise<Map<number, StressKind> | null> {
  const kinds = new Map<number, StressKind>();
  let isStressed = false;
  for await (const { rowIndex, id, reason } of rowsTable.read(store, rows)) {
    for (const [row, index] of rowIndex.entries()) {
      const kind = stressKindOf(id[row] ?? null);
      isStressed ||= kind !== null;
      if (kind !== null && reason[row] === null) kinds.set(index, kind);
    }
    // A dataset says it of all its rows, so that the first ones tell.
    if (!isStressed && rowIndex.length > 0) return null;
  }
  return isStressed ? kinds : null;
}

/** Rows of each kind, and of the chosen ones, copies counted. */
export function stressShares(
  kinds: ReadonlyMap<number, StressKind>,
  copies: ReadonlyMap<number, number>,
): StressShare[] {
  return STRESS_KINDS.flatMap((kind) => {
    const own = [...kinds].filter(([, found]) => found === kind);
    const selectedCount = own.reduce((sum, [row]) => sum + (copies.get(row) ?? 0), 0);
    return own.length === 0 ? [] : [{ kind, allCount: own.length, selectedCount }];
  });
}
