// The filters of rows, between the address, the form and the server's query.
import { ROW_SORTS } from '../../api.ts';
import type { RowConditions, RowQuery, RowSort, RowState } from '../../api.ts';

export const ROW_STATES: readonly RowState[] = ['selected', 'left_out', 'set_aside'];

/** Numbers that a query may be bounded by. */
export const RANGES = [
  { label: 'value', least: 'leastValue', most: 'mostValue' },
  { label: 'loss', least: 'leastLoss', most: 'mostLoss' },
  { label: 'norm', least: 'leastNorm', most: 'mostNorm' },
] as const;

export type Bound = (typeof RANGES)[number]['least' | 'most'];

/** Names of all filters in the address. */
export const ROW_FILTERS = [
  'task',
  'state',
  'reason',
  'text',
  ...RANGES.flatMap(({ least, most }) => [least, most]),
] as const;

export type RowFilter = Omit<RowQuery, 'offset' | 'limit'>;

/** The filters and the sorting that the address says; what is no sort, state or number is left out. */
export function rowFilter(values: Readonly<Record<string, string>>): RowFilter {
  const filter: RowFilter = {};
  const sort = ROW_SORTS.find((each) => each === values['sort']);
  if (sort !== undefined) filter.sort = sort;
  if (values['order'] === 'down') filter.descending = true;
  const state = ROW_STATES.find((each) => each === values['state']);
  if (state !== undefined) filter.state = state;
  for (const name of ['task', 'reason', 'text'] as const) if (values[name]) filter[name] = values[name];
  for (const { least, most } of RANGES) {
    for (const name of [least, most]) {
      const bound = numberOf(values[name]);
      if (bound !== null) filter[name] = bound;
    }
  }
  return filter;
}

/** What a filter asks of rows, whatever their order. */
export function conditionsOf(filter: RowFilter): RowConditions {
  const conditions = { ...filter };
  delete conditions.sort;
  delete conditions.descending;
  return conditions;
}

/** A number as people write it: `0.5`, `−1`, `1e-3`; null for what is none. */
export function numberOf(text: string | undefined): number | null {
  if (text === undefined || text.trim() === '') return null;
  const value = Number(text.trim().replace('\u2212', '-').replace(',', '.'));
  return Number.isFinite(value) ? value : null;
}

/** The server's search parameters, in a fixed order, so that equal queries are equal texts. */
export function rowParameters(filter: RowFilter, offset: number, limit: number): string {
  const parts = new URLSearchParams({ offset: String(offset), limit: String(limit) });
  for (const [name, value] of Object.entries(filter).sort(([left], [right]) => (left < right ? -1 : 1)))
    parts.set(name, String(value));
  return parts.toString();
}

/** What the address says when a column's heading is pressed: up, down, then as the rows come. */
export function nextSort(filter: RowFilter, column: RowSort): { sort: string; order: string } {
  if (filter.sort !== column) return { sort: column, order: column === 'row' ? '' : 'down' };
  if (column === 'row') return { sort: 'row', order: filter.descending ? '' : 'down' };
  return filter.descending ? { sort: column, order: '' } : { sort: '', order: '' };
}

/** How many filters are set. */
export function filterCount(values: Readonly<Record<string, string>>): number {
  return ROW_FILTERS.filter((name) => (values[name] ?? '') !== '').length;
}
