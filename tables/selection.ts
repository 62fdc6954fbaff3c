// The selection table: the chosen rows, how often and how each was drawn.
import type { SelectionResult } from '../contracts/messages/selection.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import type { Store } from '../store/store.ts';
import { float64, hash, text, uint32 } from './columns.ts';
import { fileTable } from './table.ts';
import type { Rows } from './table.ts';

const COLUMNS = {
  rowIndex: uint32,
  contentHash: hash,
  task: text,
  /** How often the row is in the subset, ≥ 1. */
  copies: uint32,
  /** Of the row's first draw within its task or the pool. */
  probability: float64,
  /** Draw order within the task or the pool, from 0. */
  rank: uint32,
} as const;

/** Selected rows in the order of the values table, each once with its copies; columns `[row]`. */
export type SelectionBatch = Rows<typeof COLUMNS>;

/** Reads and writes {@link SelectionBatch}. */
export const selectionTable = fileTable('selection', COLUMNS);

/** What the artifact says beside its table. */
export type SelectionDetails = Pick<SelectionResult, 'method' | 'rowCount' | 'tasks' | 'copies' | 'warnings'>;

/** Copies of every selected row by its row index. */
export async function readCopies(store: Store, selection: ArtifactReference): Promise<ReadonlyMap<number, number>> {
  const known = new Map<number, number>();
  for await (const { rowIndex, copies } of selectionTable.read(store, selection))
    for (const [row, index] of rowIndex.entries()) known.set(index, copies[row]!);
  return known;
}
