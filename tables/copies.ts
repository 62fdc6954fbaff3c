// The table of copies: what is done to the pictures of rows that a selection takes more than once.
import { PICTURE_OPERATIONS } from '../contracts/augmentation.ts';
import type { PictureChange } from '../contracts/augmentation.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import type { Store } from '../store/store.ts';
import { float64, hash, optionalText, text, uint32 } from './columns.ts';
import { fileTable } from './table.ts';
import type { Rows } from './table.ts';

const COLUMNS = {
  rowIndex: uint32,
  /** Of the row that the copy is of: its pictures as they are in the dataset. */
  contentHash: hash,
  task: text,
  /** Which copy of the row it is, from 2: the first is the row itself. */
  copy: uint32,
  /** What is done to its pictures: an operation, or `none`. */
  operation: text,
  /** Of the operation, as `PARAMETERS` of `contracts/augmentation.ts` says; 0 where it has none. */
  parameter: float64,
  /** Why nothing is done; null where something is. */
  reason: optionalText,
} as const;

/** Copies in the order of the selection, those of a row by their number; columns `[copy]`. */
export type CopiesBatch = Rows<typeof COLUMNS>;

/** Reads and writes {@link CopiesBatch}; an artifact of a selection has it where copies are changed or could be. */
export const copiesTable = fileTable('copies', COLUMNS);

/** Changes by row: of its second copy, its third, …; null where one is the same again. */
export type ChangesByRow = ReadonlyMap<number, readonly (PictureChange | null)[]>;

/** Changes of all copies of a selection by row index; none where it has no such table. */
export async function readChanges(store: Store, selection: ArtifactReference): Promise<ChangesByRow> {
  const known = new Map<number, (PictureChange | null)[]>();
  for await (const { rowIndex, operation, parameter } of copiesTable.readIfThere(store, selection)) {
    for (const [row, index] of rowIndex.entries()) {
      const found = PICTURE_OPERATIONS.find((name) => name === operation[row]);
      const changes = known.get(index) ?? [];
      changes.push(found === undefined ? null : { operation: found, parameter: parameter[row]! });
      known.set(index, changes);
    }
  }
  return known;
}
