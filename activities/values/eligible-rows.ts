// Which rows of the gradient table count: those of the dataset as it is now, by content.
import type { RowLookup } from '../../tables/row-lookup.ts';
import { NO_TASK } from './pass.ts';
import type { ScannedRows } from './pass.ts';

/** Rows of the table joined with those of the dataset by content. */
export interface EligibleRows {
  /** Eligible tasks in code-unit order. */
  names: string[];
  /** [task] largest |z|. */
  maxima: Float64Array;
  /**
   * [row of the table] place in `names`, or NO_TASK: a row of no use, one that the recipe leaves out, or that
   * the dataset has no more.
   */
  taskIndex: Int32Array;
  /** [row of the table] row of the dataset. */
  rowIndex: Uint32Array;
}

/** What a recipe leaves out of the rows of a dataset. */
export interface LeftOut {
  tasks: readonly string[];
  /** By row index. */
  rows: ReadonlySet<number>;
}

/** Gives every row of the table the task and place that the dataset gives it now. Equal contents are taken in order. */
export function joinRows(scanned: ScannedRows, lookup: RowLookup, excluded: LeftOut): EligibleRows {
  const count = scanned.usable.length;
  const tasks: (string | null)[] = [];
  const rowIndex = new Uint32Array(count);
  const largest = new Map<string, number>();
  const take = lookup.taker();
  for (let row = 0; row < count; row += 1) {
    const position = take(scanned.contentHash, row);
    const task = position < 0 ? null : lookup.task(position);
    const isLeftOut = task === null || excluded.tasks.includes(task) || excluded.rows.has(lookup.rowIndex(position));
    const isEligible = !isLeftOut && scanned.usable[row] === 1;
    tasks.push(isEligible ? task : null);
    if (!isEligible) continue;
    rowIndex[row] = lookup.rowIndex(position);
    largest.set(task, Math.max(largest.get(task) ?? 0, scanned.largest[row]!));
  }
  const names = [...largest.keys()].sort();
  const index = new Map(names.map((name, place) => [name, place]));
  return {
    names,
    maxima: Float64Array.from(names, (name) => largest.get(name)!),
    taskIndex: Int32Array.from(tasks, (task) => (task === null ? NO_TASK : index.get(task)!)),
    rowIndex,
  };
}
