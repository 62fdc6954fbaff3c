// Near-duplicates over a gradient table: tasks that fit memory together are read in one pass, then searched one by one.
import { encodeInt8 } from '../../algorithms/encoding.ts';
import { groupByTask } from '../../algorithms/group-rows.ts';
import { NearDuplicateSearch } from '../../algorithms/near-duplicates.ts';
import type { VisitedRows } from '../../algorithms/near-duplicates.ts';
import { contentOrder } from '../../algorithms/sampling.ts';
import type { Store } from '../../store/store.ts';
import type { GradientTable } from '../../tables/gradients.ts';
import type { Pauses } from '../shared/heartbeat.ts';
import { valuedGradients } from './values-columns.ts';
import type { ValuedRows } from './values-columns.ts';

/** Codes that are held at a time, but for a larger task. */
const HELD_BYTES = 384 * 1024 * 1024;

/** Rows between two looks at whether the activity must stop. */
const ROWS_OF_PAUSE = 1024;

/** What is looked for among which rows. */
export interface NearDuplicateWork {
  rows: ValuedRows;
  taskCount: number;
  table: GradientTable;
  cosine: number;
  /** [example] 1 for a row that is left out already: it takes no part. */
  dropped: Uint8Array;
}

/**
 * Visits the rows of each task by ascending content. Memory: the codes of the tasks of one pass, and those of one task
 * once more.
 *
 * @returns [example] place of the kept row that a row is near to; its own where it is kept, or takes no part
 */
export async function findNearDuplicates(store: Store, work: NearDuplicateWork, pulse: Pauses): Promise<Uint32Array> {
  const kept = Uint32Array.from(work.rows.rowIndex.keys());
  const search = new NearDuplicateSearch(work.cosine);
  for await (const { order, visited } of visitedTasks(store, work, pulse)) {
    for (const [row, near] of search.visit(visited)) {
      kept[order[row]!] = order[near]!;
      if (row % ROWS_OF_PAUSE === 0) await pulse.pause();
    }
  }
  return kept;
}

/**
 * Counts the near-duplicates of each row among those of its task that take part; order, memory and what may be missed
 * are those of {@link findNearDuplicates}.
 *
 * @returns [example] #{j : cos(i, j) ≥ τ}, the row itself included; 1 for one without direction, or that takes no part
 */
export async function countNearDuplicates(store: Store, work: NearDuplicateWork, pulse: Pauses): Promise<Uint32Array> {
  const count = new Uint32Array(work.rows.rowIndex.length).fill(1);
  const search = new NearDuplicateSearch(work.cosine);
  for await (const { order, visited } of visitedTasks(store, work, pulse)) {
    for (const [row, near] of search.pairs(visited)) {
      count[order[row]!]! += near.length;
      for (const other of near) count[order[other]!]! += 1;
      if (row % ROWS_OF_PAUSE === 0) await pulse.pause();
    }
  }
  return count;
}

/** The rows of each task that take part, two or more, in the order of their contents. */
async function* visitedTasks(
  store: Store,
  { rows, taskCount, table, dropped }: NearDuplicateWork,
  pulse: Pauses,
): AsyncGenerator<{ order: Uint32Array; visited: VisitedRows }> {
  const tasks = groupByTask(rows.taskIndex, taskCount)
    .map((group) =>
      contentOrder(
        rows,
        group.filter((row) => dropped[row] === 0),
      ),
    )
    .filter((order) => order.length > 1);
  for (const orders of inPasses(tasks, table.sketch)) {
    const codes = await readCodes(store, table, rows, orders, pulse);
    for (const [task, order] of orders.entries())
      yield { order, visited: { codes: codes[task]!, sketch: table.sketch } };
  }
}

/** Runs of tasks whose codes fit together. */
function inPasses(tasks: readonly Uint32Array[], sketch: number): Uint32Array[][] {
  const passes: Uint32Array[][] = [];
  let held = Infinity;
  for (const order of tasks) {
    const bytes = order.length * sketch;
    if (held + bytes > HELD_BYTES) {
      passes.push([]);
      held = 0;
    }
    passes.at(-1)!.push(order);
    held += bytes;
  }
  return passes;
}

/** @returns [task] codes `[row, sketch]` of the rows in their orders */
async function readCodes(
  store: Store,
  table: GradientTable,
  rows: ValuedRows,
  orders: readonly Uint32Array[],
  pulse: Pauses,
): Promise<Int8Array[]> {
  const { sketch } = table;
  const taskOf = new Int32Array(rows.rowIndex.length).fill(-1);
  const placeOf = new Uint32Array(rows.rowIndex.length);
  for (const [task, order] of orders.entries())
    for (const [place, row] of order.entries()) {
      taskOf[row] = task;
      placeOf[row] = place;
    }
  const codes = orders.map((order) => new Int8Array(order.length * sketch));
  for await (const { batch, places } of valuedGradients(store, table, rows.contentHash)) {
    const { gradient } = batch;
    for (const [row, place] of places.entries()) {
      const task = place < 0 ? -1 : taskOf[place]!;
      if (task < 0) continue;
      const own = gradient.subarray(row * sketch, (row + 1) * sketch);
      codes[task]!.set(own instanceof Int8Array ? own : encodeInt8(own, sketch).codes, placeOf[place]! * sketch);
    }
    await pulse.pause();
  }
  return codes;
}
