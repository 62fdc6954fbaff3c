// What the table and the gallery of rows are given.
import { useEffect, useState } from 'preact/hooks';
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

/** The place of a list that keys act on. */
export interface ActivePlace {
  active: number;
  setActive: (place: number) => void;
  /** To put at the element that has the focus. */
  onKeyDown: (event: KeyboardEvent) => void;
}

/**
 * A place that keys move, whose row Enter opens and space chooses: `move` tells where to, null for a key that moves
 * nothing, and `show` brings a place into sight.
 */
export function useActivePlace(
  { rows, toggle, onOpen, listKey }: RowListProps,
  move: (key: string, active: number) => number | null,
  show: (place: number) => void,
): ActivePlace {
  const [active, setActive] = useState(0);
  useEffect(() => {
    setActive(0);
    show(0);
  }, [listKey]);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget) return;
    const moved = move(event.key, active);
    const row = rows.at(active);
    if (moved !== null) {
      setActive(moved);
      show(moved);
    } else if (event.key === 'Enter' && row !== null) onOpen(row.rowIndex);
    else if (event.key === ' ' && row !== null) toggle(row.rowIndex);
    else return;
    event.preventDefault();
  };
  return { active, setActive, onKeyDown };
}
