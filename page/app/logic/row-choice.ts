// Rows that a person chose: one by one, or all that a filter wants but some.
import type { AllRows, RowConditions } from '../../api.ts';

/** Rows by their indexes; those of a choice of all are taken out of it. */
export interface RowChoice {
  /** What the list asked when all of it was chosen; null: rows were picked. */
  all: RowConditions | null;
  rows: ReadonlySet<number>;
}

export const NONE_CHOSEN: RowChoice = { all: null, rows: new Set() };

/** All rows of a list. */
export function allChosen(conditions: RowConditions): RowChoice {
  return { all: conditions, rows: new Set() };
}

/** The choice in a list that asks something: all of another list is none of this one. */
export function choiceIn(choice: RowChoice, conditions: RowConditions): RowChoice {
  return choice.all === null || isSame(choice.all, conditions) ? choice : NONE_CHOSEN;
}

function isSame(left: RowConditions, right: RowConditions): boolean {
  const text = (conditions: RowConditions): string =>
    JSON.stringify(Object.entries(conditions).sort(([one], [other]) => (one < other ? -1 : 1)));
  return text(left) === text(right);
}

/** Of a row of the list. */
export function isChosen({ all, rows }: RowChoice, rowIndex: number): boolean {
  return rows.has(rowIndex) !== (all !== null);
}

/** Chooses a row of the list, or no longer. */
export function toggled({ all, rows }: RowChoice, rowIndex: number): RowChoice {
  const next = new Set(rows);
  if (!next.delete(rowIndex)) next.add(rowIndex);
  return { all, rows: next };
}

/** @param total rows of the list */
export function chosenCount({ all, rows }: RowChoice, total: number): number {
  return all === null ? rows.size : Math.max(0, total - rows.size);
}

/** As a question names them: by indexes, or by what the list asked. Null rows and no list: none are chosen. */
export function chosenRows({ all, rows }: RowChoice): { rows: number[] | null; all?: AllRows } {
  const sorted = [...rows].sort((left, right) => left - right);
  if (all !== null) return { rows: null, all: { filter: all, except: sorted } };
  return { rows: sorted.length === 0 ? null : sorted };
}
