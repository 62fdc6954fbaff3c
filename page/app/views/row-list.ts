// What the table and the gallery of rows are given.
import type { Rows } from '../data/use-rows.ts';
import type { RowFilter } from '../logic/row-query.ts';

/** Rows, which of them are chosen or open, and what to do when that changes. */
export interface RowListProps {
  runName: string;
  rows: Rows;
  filter: RowFilter;
  isChosen: (rowIndex: number) => boolean;
  /** Chooses a row, or no longer. */
  toggle: (rowIndex: number) => void;
  /** The row that is shown beside. */
  open: number | null;
  onOpen: (rowIndex: number) => void;
  /** Places [start, end) are in sight. */
  onSeen: (start: number, end: number) => void;
  /** Another list begins at its top. */
  listKey: string;
}
