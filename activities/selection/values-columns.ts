// The columns of a values table in memory, and the gradients that belong to its rows.
import type { MethodColumns } from '../../contracts/methods.ts';
import type { InstanceValueKind } from '../../contracts/config.ts';
import { ArtifactMismatchError } from '../../contracts/failures.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { Store } from '../../store/store.ts';
import { joinGradients, readGradients } from '../../tables/gradients.ts';
import type { GradientRows, GradientTable } from '../../tables/gradients.ts';
import { HASH_BYTES } from '../../tables/hash-column.ts';
import type { RowLookup } from '../../tables/row-lookup.ts';
import { instanceValues, valuesTable } from '../../tables/values.ts';

/** Scalars of all usable rows of the eligible tasks, in the order of the values table. */
export interface ValuedRows {
  rowIndex: Uint32Array;
  /** [example, 32]. */
  contentHash: Uint8Array;
  /** [example] place of the row's task in the given names. */
  taskIndex: Uint32Array;
  columns: Pick<MethodColumns, 'instance_value' | 'gradient_norm' | 'loss' | 'supervised_token_count' | 'el2n'>;
}

/** The values table's columns in memory: about 100 bytes a row. @param names of the tasks */
export async function readValues(
  store: Store,
  values: ArtifactReference,
  names: readonly string[],
  kind: InstanceValueKind,
): Promise<ValuedRows> {
  const count = values.rowCount;
  const index = new Map(names.map((name, position) => [name, position]));
  const rows: ValuedRows = {
    rowIndex: new Uint32Array(count),
    contentHash: new Uint8Array(count * HASH_BYTES),
    taskIndex: new Uint32Array(count),
    columns: {
      instance_value: new Float64Array(count),
      gradient_norm: new Float64Array(count),
      loss: new Float64Array(count),
      supervised_token_count: new Uint32Array(count),
      el2n: new Float64Array(count),
    },
  };
  const { columns } = rows;
  let start = 0;
  for await (const batch of valuesTable.read(store, values)) {
    rows.rowIndex.set(batch.rowIndex, start);
    rows.contentHash.set(batch.contentHash, start * HASH_BYTES);
    for (const [row, task] of batch.task.entries()) rows.taskIndex[start + row] = index.get(task)!;
    columns.instance_value.set(instanceValues(batch, kind), start);
    columns.gradient_norm.set(batch.gradientNorm, start);
    columns.loss.set(batch.loss, start);
    columns.supervised_token_count.set(batch.supervisedTokenCount, start);
    columns.el2n.set(batch.el2n, start);
    start += batch.rowCount;
  }
  return rows;
}

/** A batch of the gradient table, with the places of its rows among valued ones. */
export interface ValuedGradients {
  batch: GradientRows;
  /** [row] place in the values table, or −1. */
  places: Int32Array;
}

/**
 * Batches of the gradient table that a values table was made of: its rows stand there in the same order, those that do
 * not count left out. Rows of equal content have equal gradients, so content is enough to tell.
 *
 * @throws ArtifactMismatchError where a row of the values has no gradient
 */
export async function* valuedGradients(
  store: Store,
  table: GradientTable,
  contentHash: Uint8Array,
): AsyncGenerator<ValuedGradients> {
  const count = contentHash.length / HASH_BYTES;
  let next = 0;
  for await (const batch of readGradients(store, table)) {
    const places = new Int32Array(batch.rowCount).fill(-1);
    for (const [row, reason] of batch.reason.entries()) {
      if (next === count || reason !== null || !isSame(batch.contentHash, row, contentHash, next)) continue;
      places[row] = next;
      next += 1;
    }
    yield { batch, places };
  }
  if (next < count)
    throw new ArtifactMismatchError(
      `selection: every row of the values must have a gradient, got none for ${count - next}; run the values stage anew`,
    );
}

/** The same of a table in any order, which may lack rows: those that are not there, or do not count, have no place. */
export async function* joinedGradients(
  store: Store,
  table: GradientTable,
  lookup: RowLookup,
): AsyncGenerator<ValuedGradients> {
  for await (const { batch, positions } of joinGradients(store, table, lookup))
    yield { batch, places: positions.map((place, row) => (batch.reason[row] === null ? place : -1)) };
}

function isSame(left: Uint8Array, leftRow: number, right: Uint8Array, rightRow: number): boolean {
  const [leftStart, rightStart] = [leftRow * HASH_BYTES, rightRow * HASH_BYTES];
  for (let byte = 0; byte < HASH_BYTES; byte += 1)
    if (left[leftStart + byte] !== right[rightStart + byte]) return false;
  return true;
}
