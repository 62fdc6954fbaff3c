// The table of near-duplicates: how many each row has.
import { uint32 } from './columns.ts';
import { fileTable } from './table.ts';

/** Reads and writes one row for each of the values table, in its order. */
export const nearCountsTable = fileTable('near_counts', {
  rowIndex: uint32,
  /** Rows of the task whose cosine is at least the threshold, the row itself included: ≥ 1. */
  nearCount: uint32,
});
