// What the filters of a run left out: counts by task, rows that many others are near to, rows with suspect answers.
import type { RunResult } from '../../contracts/messages/run.ts';
import type { FilterResult } from '../../contracts/messages/selection.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { ValuesResult } from '../../contracts/messages/values.ts';
import type { FilteredRow, FilterSummary } from '../../contracts/summary.ts';
import type { Store } from '../../store/store.ts';
import { filteredTable } from '../../tables/filtered.ts';
import { valuesTable } from '../../tables/values.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { readExamples } from './example-rows.ts';

/** Kept rows that are shown, others beside each, rows with suspect answers. */
const SHOWN_NEAR = 6;
const SHOWN_COPIES = 3;
const SHOWN_SUSPECTS = 6;

/** A row before its text and picture are read. */
type Found = Pick<FilteredRow, 'rowIndex' | 'task' | 'loss'>;

/** Of what was left out, what is shown. */
interface Shown {
  near: { kept: Found; count: number; examples: Found[] }[];
  nearRowCount: number;
  suspects: Found[];
}

/** Null where the run's own method left nothing out by a filter. */
export async function summarizeFilters(
  store: Store,
  { result, dataset, values }: { result: RunResult; dataset: ScanResult; values: ValuesResult },
  openStore: (uri: string) => Store,
  pulse: Pulse,
): Promise<FilterSummary | null> {
  const { config, methods } = result;
  const { filter } = methods.find(({ method }) => method === config.selection.method) ?? {};
  if (filter === undefined) return null;
  const { near, nearRowCount, suspects } = await findShown(store, filter, values, pulse);
  const all = [...near.flatMap(({ kept, examples }) => [kept, ...examples]), ...suspects];
  // Without pictures and dialogues there is nothing to look at.
  const wanted = config.report.thumbnails ? all : [];
  const read = await readExamples(store, dataset.rows, wanted, config, openStore, pulse);
  const byRow = new Map(read.map((row) => [row.rowIndex, row]));
  const rowOf = (found: Found): FilteredRow[] => {
    const row = byRow.get(found.rowIndex);
    return row === undefined ? [] : [row];
  };
  return {
    filters: filter.filters,
    tasks: filter.tasks,
    nearRows: near.flatMap(({ kept, count, examples }) =>
      rowOf(kept).map((row) => ({ kept: row, count, examples: examples.flatMap(rowOf) })),
    ),
    nearRowCount,
    suspectRows: suspects.flatMap(rowOf),
  };
}

/** Reads which rows were left out and why, then what the values say of those that are shown. */
async function findShown(store: Store, filter: FilterResult, values: ValuesResult, pulse: Pulse): Promise<Shown> {
  const near = new Map<number, { count: number; examples: number[] }>();
  const suspects = new Set<number>();
  for await (const { rowIndex, filter: droppedBy, keptRowIndex } of filteredTable.read(store, filter.filtered)) {
    for (const [row, name] of droppedBy.entries()) {
      if (name === null) continue;
      if (name !== 'near_duplicates') {
        suspects.add(rowIndex[row]!);
        continue;
      }
      const own = near.get(keptRowIndex[row]!) ?? { count: 0, examples: [] };
      own.count += 1;
      if (own.examples.length < SHOWN_COPIES) own.examples.push(rowIndex[row]!);
      near.set(keptRowIndex[row]!, own);
    }
    await pulse.pause();
  }
  const largest = [...near]
    .sort(([left, a], [right, b]) => b.count - a.count || left - right)
    .slice(0, SHOWN_NEAR)
    .map(([kept, own]) => ({ kept, ...own }));
  const shown = new Set(largest.flatMap(({ kept, examples }) => [kept, ...examples]));
  const { found, highest } = await readFound(store, values, shown, suspects, pulse);
  const of = (rowIndex: number): Found[] => {
    const row = found.get(rowIndex);
    return row === undefined ? [] : [row];
  };
  return {
    near: largest.flatMap(({ kept, count, examples }) =>
      of(kept).map((row) => ({ kept: row, count, examples: examples.flatMap(of) })),
    ),
    nearRowCount: near.size,
    suspects: highest,
  };
}

/** The rows that are shown, and of the suspects those with the highest losses: they may be half of all rows. */
async function readFound(
  store: Store,
  { values }: ValuesResult,
  shown: ReadonlySet<number>,
  suspects: ReadonlySet<number>,
  pulse: Pulse,
): Promise<{ found: Map<number, Found>; highest: Found[] }> {
  const found = new Map<number, Found>();
  let highest: Found[] = [];
  for await (const { rowIndex, task, loss } of valuesTable.read(store, values)) {
    const own: Found[] = [];
    for (const [row, index] of rowIndex.entries()) {
      const one = { rowIndex: index, task: task[row]!, loss: loss[row]! };
      if (shown.has(index)) found.set(index, one);
      if (suspects.has(index)) own.push(one);
    }
    highest = [...highest, ...own]
      .sort((left, right) => right.loss - left.loss || left.rowIndex - right.rowIndex)
      .slice(0, SHOWN_SUSPECTS);
    await pulse.pause();
  }
  return { found, highest };
}
