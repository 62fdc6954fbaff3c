// Which rows a query wants, in which order: over columns alone.
import { z } from 'zod';
import { ROW_SORTS } from '../api.ts';
import type { RowConditions, RowQuery } from '../api.ts';
import { RefusedError } from './problems.ts';
import { STATES } from './row-table.ts';
import type { RowTable } from './row-table.ts';

/** Rows of one answer. */
const MOST_ROWS = 500;
const USUAL_ROWS = 50;

/** Letters of a search. */
const MOST_LETTERS = 1000;

const whole = z.coerce.number().int().min(0);
const flag = z.enum(['true', 'false', '1', '0']).transform((word) => word === 'true' || word === '1');

/** A number is a text in an address, and itself in a body. */
function conditions(number: z.ZodType<number>) {
  const bound = number.exactOptional();
  return {
    task: z.string().exactOptional(),
    state: z.enum(STATES).exactOptional(),
    reason: z.string().exactOptional(),
    text: z.string().max(MOST_LETTERS).exactOptional(),
    leastLoss: bound,
    mostLoss: bound,
    leastNorm: bound,
    mostNorm: bound,
    leastValue: bound,
    mostValue: bound,
  };
}

/** {@link RowConditions} in a body. */
export const rowConditions = z.strictObject(conditions(z.number()));

const schema = z.strictObject({
  offset: whole.default(0),
  limit: whole.max(MOST_ROWS).default(USUAL_ROWS),
  sort: z.enum(ROW_SORTS).exactOptional(),
  descending: flag.exactOptional(),
  ...conditions(z.coerce.number()),
});

/** Search parameters as a query; empty ones do not matter. @throws RefusedError for what is no query */
export function parseRowQuery(parameters: Readonly<Record<string, string>>): RowQuery {
  const given = Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new RefusedError(400, `rows: ${issue!.path.join('.') || 'query'} ${issue!.message}`);
}

/** 1 for each row `[row]` that a query wants, whatever its texts are. */
export function filterRows(table: RowTable, query: RowConditions): Uint8Array {
  const { rowCount, task, state, reason } = table;
  const wanted = new Uint8Array(rowCount).fill(1);
  const keepEqual = (codes: ArrayLike<number>, code: number): void => {
    for (let row = 0; row < rowCount; row += 1) if (codes[row] !== code) wanted[row] = 0;
  };
  // No row has the code −1.
  if (query.task !== undefined) keepEqual(task.codes, task.codeOf(query.task) ?? -1);
  if (query.state !== undefined) keepEqual(state, STATES.indexOf(query.state));
  if (query.reason !== undefined) keepEqual(reason.codes, reason.codeOf(query.reason) ?? -1);
  const keepWithin = (column: Float64Array, least: number | undefined, most: number | undefined): void => {
    if (least === undefined && most === undefined) return;
    const [from, to] = [least ?? -Infinity, most ?? Infinity];
    // NaN is within nothing.
    for (let row = 0; row < rowCount; row += 1) if (!(column[row]! >= from && column[row]! <= to)) wanted[row] = 0;
  };
  keepWithin(table.loss, query.leastLoss, query.mostLoss);
  keepWithin(table.norm, query.leastNorm, query.mostNorm);
  keepWithin(table.value, query.leastValue, query.mostValue);
  return wanted;
}

/** The part of the wanted rows that a query asks for, in its order; rows without the key come last either way. */
export function pageOf(
  table: RowTable,
  wanted: Uint8Array,
  { offset, limit, sort = 'row', descending = false }: RowQuery,
): { total: number; rows: number[] } {
  const { rowCount } = table;
  const order = sort === 'row' ? null : table.orders.of(sort);
  const knownCount = order?.knownCount ?? rowCount;
  const rows: number[] = [];
  let total = 0;
  for (let place = 0; place < rowCount; place += 1) {
    const from = descending && place < knownCount ? knownCount - 1 - place : place;
    const row = order === null ? from : order.order[from]!;
    if (wanted[row] !== 1) continue;
    if (total >= offset && rows.length < limit) rows.push(row);
    total += 1;
  }
  return { total, rows };
}
