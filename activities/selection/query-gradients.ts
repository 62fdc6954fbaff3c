// The gradients of queries: rows of the dataset that are held out, or rows of a table of their own.
import { decodeInt8 } from '../../algorithms/encoding.ts';
import { groupByTask } from '../../algorithms/group-rows.ts';
import type { Queries } from '../../algorithms/query-directions.ts';
import { contentOrder, drawOrder } from '../../algorithms/sampling.ts';
import type { SampledRows } from '../../algorithms/sampling.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { Store } from '../../store/store.ts';
import { openGradientTable, readGradients } from '../../tables/gradients.ts';
import { HASH_BYTES } from '../../tables/hash-column.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import type { ValuedGradients, ValuedRows } from './values-columns.ts';

/** Queries whose gradients are held in memory at a time. */
const MOST_QUERIES = 8192;

/** Share of a task's rows that may be held out. */
const MOST_HELD_OUT = 0.5;

/**
 * [example] 1 for the rows of each task that are held out: the first drawn by stream `select/queries/<task>`, at most
 * half of the task.
 */
export function holdOut(rows: ValuedRows, names: readonly string[], perTask: number, seed: number): Uint8Array {
  const marks = new Uint8Array(rows.rowIndex.length);
  for (const [task, group] of groupByTask(rows.taskIndex, names.length).entries()) {
    const count = Math.min(perTask, Math.floor(MOST_HELD_OUT * group.length));
    const { position } = drawOrder(rows, group, `select/queries/${names[task]!}`, seed, null);
    for (const row of position.subarray(0, count)) marks[row] = 1;
  }
  return marks;
}

/** A pass over the gradients of valued rows. */
export interface GradientPass {
  rows: ValuedRows;
  /** Its batches, from the start at each call. */
  batches: () => AsyncIterable<ValuedGradients>;
  sketch: number;
  pulse: Pulse;
}

/** Gradients of marked rows, by ascending content; a task is a group. */
export async function readMarked(
  { rows, batches, sketch, pulse }: GradientPass,
  marks: Uint8Array,
  groupCount: number,
): Promise<Queries> {
  const order = contentOrder(
    rows,
    Uint32Array.from(rows.rowIndex.keys()).filter((row) => marks[row] === 1),
  );
  const placeOf = new Map(Array.from(order, (row, place) => [row, place]));
  const gradients = new Float32Array(order.length * sketch);
  for await (const { batch, places } of batches()) {
    for (const [row, own] of places.entries()) {
      const place = own < 0 ? undefined : placeOf.get(own);
      if (place === undefined) continue;
      gradients.set(decoded(batch.gradient, row, sketch, batch.gradientScale[row]!), place * sketch);
    }
    await pulse.pause();
  }
  return { gradients, sketch, group: Uint32Array.from(order, (row) => rows.taskIndex[row]!), groupCount };
}

/**
 * Gradients of all usable rows of a table, by ascending content; its tasks are the groups.
 *
 * @throws InvalidConfigError where there are none, or too many to hold, or they are projected otherwise
 */
export async function readQueries(store: Store, queries: ArtifactReference, sketch: number): Promise<Queries> {
  const table = await openGradientTable(store, [queries]);
  if (table.sketch !== sketch)
    throw new InvalidConfigError(`selection.queries: sketch must be that of the rows, ${sketch}, got ${table.sketch}`);
  const found: { task: string; hash: Uint8Array; gradient: Float32Array }[] = [];
  for await (const { reason, task, contentHash, gradient, gradientScale } of readGradients(store, table)) {
    for (const [row, why] of reason.entries()) {
      if (why !== null) continue;
      const hash = contentHash.slice(row * HASH_BYTES, (row + 1) * HASH_BYTES);
      found.push({ task: task[row]!, hash, gradient: decoded(gradient, row, sketch, gradientScale[row]!) });
      if (found.length > MOST_QUERIES)
        throw new InvalidConfigError(
          `selection.queries: must be at most ${MOST_QUERIES.toLocaleString('en')} rows, got more; ` +
            'lower evaluation.max_rows, or name a smaller file',
        );
    }
  }
  if (found.length === 0)
    throw new InvalidConfigError('selection.queries: at least one row must have a gradient, got 0');
  const contents: SampledRows = {
    rowIndex: Uint32Array.from(found.keys()),
    contentHash: Buffer.concat(found.map(({ hash }) => hash)),
  };
  const ordered = Array.from(contentOrder(contents, contents.rowIndex), (row) => found[row]!);
  const groups = [...new Set(ordered.map(({ task }) => task))].sort();
  const gradients = new Float32Array(ordered.length * sketch);
  for (const [place, { gradient }] of ordered.entries()) gradients.set(gradient, place * sketch);
  const group = Uint32Array.from(ordered, ({ task }) => groups.indexOf(task));
  return { gradients, sketch, group, groupCount: groups.length };
}

/** A copy of one row. */
function decoded(gradient: Float32Array | Int8Array, row: number, sketch: number, scale: number): Float32Array {
  const own = gradient.slice(row * sketch, (row + 1) * sketch);
  return own instanceof Int8Array ? decodeInt8({ codes: own, scales: Float64Array.of(scale) }, sketch) : own;
}
