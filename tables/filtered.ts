// The table of filters: which rows were left out before any were drawn, and why.
import type { FilterResult } from '../contracts/messages/selection.ts';
import { hash, optionalText, uint32 } from './columns.ts';
import { fileTable } from './table.ts';
import type { Rows } from './table.ts';

const COLUMNS = {
  rowIndex: uint32,
  contentHash: hash,
  /** The filter that left the row out; null for a row that was kept. */
  filter: optionalText,
  /** Row index of the kept row that a near-duplicate is near to; the row's own for all others. */
  keptRowIndex: uint32,
} as const;

/** Rows of a values table, in its order; columns `[row]`. */
export type FilteredBatch = Rows<typeof COLUMNS>;

/** Reads and writes {@link FilteredBatch}. */
export const filteredTable = fileTable('filtered', COLUMNS);

/** What the artifact says beside its table. */
export type FilteredDetails = Omit<FilterResult, 'filtered' | 'cached'>;
