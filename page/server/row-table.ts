// A run's rows in memory: one typed array a column, so that any of them can be filtered and sorted at once.
import type { RunFolder } from '../../client/runs/run-folder.ts';
import { setAsideRows } from '../../client/runs/set-aside-rows.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { openStore } from '../../store/open-store.ts';
import type { Store } from '../../store/store.ts';
import { readExcluded } from '../../tables/excluded.ts';
import { filteredTable } from '../../tables/filtered.ts';
import { rowsTable } from '../../tables/rows.ts';
import { selectionTable } from '../../tables/selection.ts';
import { instanceValues, valuesTable } from '../../tables/values.ts';
import { RefusedError } from './problems.ts';
import { RowOrders } from './row-orders.ts';
import { TextColumn } from './text-column.ts';
import { WordColumn } from './word-column.ts';

/** States by their codes in {@link RowTable}. */
export const STATES = ['left_out', 'selected', 'set_aside'] as const;
const [LEFT_OUT, SELECTED, SET_ASIDE] = [0, 1, 2];

/** Reason of rows that the recipe leaves out by name: its key. */
export const EXCLUDED = 'exclude_rows';

/** Rows of a dataset by row index: some 110 bytes a row, beside the texts of their ids. */
export interface RowTable {
  rowCount: number;
  sourceIndex: Uint32Array;
  byteStart: Float64Array;
  byteLength: Uint32Array;
  /** Raw JSON text of `id`. */
  id: TextColumn;
  task: WordColumn;
  /** Why a row was set aside, the filter that left it out, or {@link EXCLUDED}. */
  reason: WordColumn;
  /** Codes of {@link STATES}. */
  state: Uint8Array;
  copies: Uint32Array;
  tokens: Uint32Array;
  /** NaN for a row without one. */
  value: Float64Array;
  loss: Float64Array;
  norm: Float64Array;
  el2n: Float64Array;
  /** 1 + rows of the task with a higher value; NaN for a row without one. */
  rank: Float64Array;
  /** Of a selected row's first draw; NaN for the others. */
  probability: Float64Array;
  /** Rows with a value by task. */
  valuedCounts: ReadonlyMap<string, number>;
  orders: RowOrders;
}

/**
 * Reads all columns of a run, batch by batch.
 * @param folder of the run: its list of rows that were set aside names those that gradients could not use
 * @throws RefusedError where the run has not read its dataset
 */
export async function readRowTable(result: RunResult, folder: RunFolder): Promise<RowTable> {
  const { dataset, values, methods, config } = result;
  if (dataset === null)
    throw new RefusedError(409, 'rows: run must have read its dataset, got no rows; tive run RECIPE first');
  const store = openStore(config.store.uri);
  const table = emptyTable(dataset.rowCount);
  await readRows(store, result, table);
  if (values !== null) await readValues(store, result, table);
  const [first] = methods;
  if (first?.filter !== undefined) {
    for await (const { rowIndex, filter } of filteredTable.read(store, first.filter.filtered))
      for (const [place, index] of rowIndex.entries()) table.reason.set(index, filter[place] ?? null);
  }
  if (values !== null) {
    for (const index of await readExcluded(store, values.values)) table.reason.set(index, EXCLUDED);
  }
  await readLateReasons(result, folder, table);
  if (first?.selection) {
    for await (const { rowIndex, copies, probability } of selectionTable.read(store, first.selection.selection)) {
      for (const [place, index] of rowIndex.entries()) {
        table.state[index] = SELECTED!;
        table.copies[index] = copies[place]!;
        table.probability[index] = probability[place]!;
      }
    }
  }
  return { ...table, valuedCounts: rankRows(table) };
}

function emptyTable(rowCount: number): RowTable {
  const unknown = (): Float64Array => new Float64Array(rowCount).fill(NaN);
  const counts = (): Uint32Array => new Uint32Array(rowCount);
  const [tokens, copies] = [counts(), counts()];
  const [value, loss, norm, rank] = [unknown(), unknown(), unknown(), unknown()];
  return {
    rowCount,
    sourceIndex: counts(),
    byteStart: new Float64Array(rowCount),
    byteLength: counts(),
    id: new TextColumn(rowCount),
    task: new WordColumn(rowCount),
    reason: new WordColumn(rowCount),
    state: new Uint8Array(rowCount),
    el2n: unknown(),
    probability: unknown(),
    valuedCounts: new Map(),
    ...{ copies, tokens, value, loss, norm, rank },
    orders: new RowOrders({ value, loss, norm, tokens, rank, copies }),
  };
}

async function readRows(store: Store, { dataset }: RunResult, table: RowTable): Promise<void> {
  for await (const batch of rowsTable.read(store, dataset!.rows)) {
    const { rowIndex, sourceIndex, byteStart, byteEnd, id, task, reason, tokenCount } = batch;
    for (const [place, index] of rowIndex.entries()) {
      table.sourceIndex[index] = sourceIndex[place]!;
      table.byteStart[index] = Number(byteStart[place]);
      table.byteLength[index] = Number(byteEnd[place]! - byteStart[place]!);
      table.id.set(index, id[place]!);
      table.task.set(index, task[place]!);
      table.tokens[index] = tokenCount[place]!;
      table.reason.set(index, reason[place]!);
      table.state[index] = reason[place] === null ? LEFT_OUT! : SET_ASIDE!;
    }
  }
}

async function readValues(store: Store, { values, config }: RunResult, table: RowTable): Promise<void> {
  for await (const batch of valuesTable.read(store, values!.values)) {
    const value = instanceValues(batch, config.values.instanceValue);
    const { rowIndex, loss, gradientNorm, el2n } = batch;
    for (const [place, index] of rowIndex.entries()) {
      table.value[index] = value[place]!;
      table.loss[index] = loss[place]!;
      table.norm[index] = gradientNorm[place]!;
      table.el2n[index] = el2n[place]!;
    }
  }
}

/** Rows whose gradients were of no use are in the run's list alone. */
async function readLateReasons(result: RunResult, folder: RunFolder, table: RowTable): Promise<void> {
  for await (const { rowIndex, reason } of setAsideRows(result, folder)) {
    if (!(rowIndex < table.rowCount) || table.state[rowIndex] === SET_ASIDE) continue;
    table.state[rowIndex] = SET_ASIDE!;
    table.reason.set(rowIndex, reason);
  }
}

/** From the highest value down: equal values of a task have the rank of the first. @returns rows by task */
function rankRows({ value, task, rank, orders }: RowTable): Map<string, number> {
  const seen = new Uint32Array(task.words.length + 1);
  const last = new Float64Array(task.words.length + 1).fill(NaN);
  const lastRank = new Uint32Array(task.words.length + 1);
  const { order, knownCount } = orders.of('value');
  for (let place = knownCount - 1; place >= 0; place -= 1) {
    const row = order[place]!;
    const code = task.codes[row]!;
    seen[code]! += 1;
    if (value[row] !== last[code]) lastRank[code] = seen[code]!;
    last[code] = value[row]!;
    rank[row] = lastRank[code]!;
  }
  return new Map(task.words.map((word, index) => [word, seen[index + 1]!]));
}
