import { beforeAll, describe, expect, test } from 'vitest';
import { encodeInt8 } from '../../../algorithms/encoding.ts';
import { createAllocationActivities } from '../../../activities/selection/allocation.ts';
import { createFilterActivities } from '../../../activities/selection/filter.ts';
import { createSelectionActivities } from '../../../activities/selection/stage.ts';
import type { Config, SelectionMethod } from '../../../contracts/config.ts';
import type { FilterResult, SelectInput, SelectionResult } from '../../../contracts/messages/selection.ts';
import type { ValuesResult } from '../../../contracts/messages/values.ts';
import { filtersOf } from '../../../contracts/methods.ts';
import type { ArtifactReference } from '../../../contracts/references.ts';
import { filteredTable } from '../../../tables/filtered.ts';
import { openGradientTable, readGradients } from '../../../tables/gradients.ts';
import { contentHexAt } from '../../../tables/hash-column.ts';
import { selectionTable } from '../../../tables/selection.ts';
import { valuesTable } from '../../../tables/values.ts';
import { SmallRun, inActivity } from '../small-run.ts';

const run = new SmallRun('allocation.budget_fraction=0.25', 'selection.near_duplicate_cosine=0.8');
const { filterRows } = createFilterActivities(run.dependencies);
const { selectRows } = createSelectionActivities(run.dependencies);
const { allocateRows } = createAllocationActivities();

type Known = ValuesResult & { rows: ArtifactReference; gradients: ArtifactReference };
let known: Known;
beforeAll(async () => {
  known = await run.estimate(run.config());
});

function filterBy(config: Config, from: Known = known): Promise<FilterResult> {
  const { values, rows, gradients } = from;
  const filters = filtersOf('random', config.selection);
  return inActivity(filterRows, { config, filters, values, rows, gradients: [gradients] });
}

const withFilters = (...filters: string[]): string => `selection.filters=[${filters.join(',')}]`;

interface FilteredRow {
  filter: string | null;
  keptRowIndex: number;
}

async function rowsOf({ filtered }: FilterResult): Promise<Map<number, FilteredRow>> {
  const rows = new Map<number, FilteredRow>();
  for await (const batch of filteredTable.read(run.store, filtered))
    batch.rowIndex.forEach((rowIndex, row) =>
      rows.set(rowIndex, { filter: batch.filter[row]!, keptRowIndex: batch.keptRowIndex[row]! }),
    );
  return rows;
}

/** Rows of the values in the order of their contents, with their codes. */
async function slowRows(): Promise<{ rowIndex: number; task: string; loss: number; hash: string; codes: number[] }[]> {
  const table = await openGradientTable(run.store, [known.gradients]);
  const codes = new Map<string, number[]>();
  for await (const { contentHash, gradient, rowCount } of readGradients(run.store, table))
    for (let row = 0; row < rowCount; row += 1) {
      const own = gradient.slice(row * table.sketch, (row + 1) * table.sketch) as Float32Array;
      codes.set(contentHexAt(contentHash, row), [...encodeInt8(own, table.sketch).codes]);
    }
  const rows = [];
  for await (const { rowIndex, task, loss, contentHash, rowCount } of valuesTable.read(run.store, known.values))
    for (let row = 0; row < rowCount; row += 1) {
      const hash = contentHexAt(contentHash, row);
      rows.push({ rowIndex: rowIndex[row]!, task: task[row]!, loss: loss[row]!, hash, codes: codes.get(hash)! });
    }
  return rows.sort((left, right) => (left.hash < right.hash ? -1 : 1));
}

function cosine(left: readonly number[], right: readonly number[]): number {
  const dot = (one: readonly number[], other: readonly number[]): number =>
    one.reduce((sum, value, place) => sum + value * other[place]!, 0);
  return dot(left, right) / Math.sqrt(dot(left, left)) / Math.sqrt(dot(right, right));
}

describe('filters', () => {
  test('of near-duplicates leave out what has a kept neighbour of its task, by ascending content', async () => {
    const found = await filterBy(run.config(withFilters('near_duplicates')));
    const rows = await rowsOf(found);
    const kept: Awaited<ReturnType<typeof slowRows>> = [];
    for (const row of await slowRows()) {
      const near = kept.find((other) => other.task === row.task && cosine(other.codes, row.codes) >= 0.8);
      expect(rows.get(row.rowIndex)).toEqual({
        filter: near === undefined ? null : 'near_duplicates',
        keptRowIndex: near?.rowIndex ?? row.rowIndex,
      });
      if (near === undefined) kept.push(row);
    }
    expect(kept.length).toBeGreaterThan(10);
    expect(kept.length).toBeLessThan(50);
    for (const { task, rowCount, keptCount, dropped } of found.tasks) {
      expect(keptCount).toBe(kept.filter((row) => row.task === task).length);
      expect(dropped).toEqual([{ filter: 'near_duplicates', count: rowCount - keptCount }]);
    }
  });

  test('of near-duplicates drop the same rows of an int8 table', async () => {
    const coded = await run.estimate(run.config('gradients.storage=int8'));
    const config = run.config(withFilters('near_duplicates'), 'gradients.storage=int8');
    expect(await rowsOf(await filterBy(config, coded))).toEqual(
      await rowsOf(await filterBy(run.config(withFilters('near_duplicates')))),
    );
  });

  test('of losses cut the highest of each task before near-duplicates are looked for', async () => {
    const config = run.config(withFilters('near_duplicates', 'loss_cut'), 'selection.loss_cut=0.25');
    const found = await filterBy(config);
    expect(found.filters).toEqual(['loss_cut', 'near_duplicates']);
    const rows = await rowsOf(found);
    const all = await slowRows();
    for (const task of ['name', 'tell', 'sum']) {
      const own = all.filter((row) => row.task === task).sort((left, right) => right.loss - left.loss);
      const cut = own.slice(0, Math.floor(own.length / 4)).map(({ rowIndex }) => rowIndex);
      expect(own.flatMap(({ rowIndex }) => (rows.get(rowIndex)!.filter === 'loss_cut' ? [rowIndex] : []))).toEqual(cut);
      for (const rowIndex of cut) expect(rows.get(rowIndex)!.keptRowIndex).toBe(rowIndex);
    }
    for (const { filter, keptRowIndex } of rows.values())
      if (filter === 'near_duplicates') expect(rows.get(keptRowIndex)!.filter).toBeNull();
  });

  test('of bad losses guard tasks whose answers repeat, and say which they cannot guard', async () => {
    const found = await filterBy(run.config(withFilters('loss_guard'), 'selection.loss_guard=0'));
    const shares = new Map(found.tasks.map(({ task, badLossShare }) => [task, badLossShare]));
    expect(shares.get('tell')).toBeNull();
    expect(found.warnings).toEqual([expect.stringContaining('got open-ended ones in "tell"; these tasks')]);
    for (const task of ['name', 'sum']) expect(shares.get(task)).toBeGreaterThanOrEqual(0);
    const lenient = await filterBy(run.config(withFilters('loss_guard'), 'selection.loss_guard=1'));
    expect(lenient.tasks.every(({ rowCount, keptCount }) => rowCount === keptCount)).toBe(true);
  });

  test('are applied once: asked again, the same artifact comes back, unless they read another setting', async () => {
    const first = await filterBy(run.config(withFilters('near_duplicates')));
    const again = await filterBy(run.config(withFilters('near_duplicates'), 'selection.loss_cut=0.3'));
    expect(again).toEqual({ ...first, cached: true });
    const other = await filterBy(run.config(withFilters('near_duplicates'), 'selection.near_duplicate_cosine=0.7'));
    expect(other.filtered.uri).not.toBe(first.filtered.uri);
  });
});

describe('weights of near-duplicates', () => {
  const WEIGHT = 'selection.near_duplicate_weight=0.8';

  async function draw(method: SelectionMethod, settings: readonly string[], more: Partial<SelectInput> = {}) {
    const config = run.config(...settings);
    const allocation = await inActivity(allocateRows, { config, method, tasks: known.tasks, allRowCount: 59 });
    const input = { config, method, values: known.values, allocation, gradients: [known.gradients], ...more };
    return inActivity(selectRows, input);
  }

  /** Chance of the first draw of each row that was taken. */
  async function chances({ selection }: SelectionResult): Promise<Map<number, number>> {
    const found = new Map<number, number>();
    for await (const { rowIndex, probability } of selectionTable.read(run.store, selection))
      rowIndex.forEach((index, row) => found.set(index, probability[row]!));
    return found;
  }

  /** w of each row by the definition, over the rows of its task that take part. */
  function slowWeights(rows: Awaited<ReturnType<typeof slowRows>>, takesPart: (rowIndex: number) => boolean) {
    const weights = new Map<number, number>();
    for (const row of rows) {
      const near = rows.filter(
        (other) =>
          other.task === row.task &&
          (other === row || (takesPart(other.rowIndex) && cosine(row.codes, other.codes) >= 0.8)),
      );
      weights.set(row.rowIndex, takesPart(row.rowIndex) ? 1 / near.length : 1);
    }
    return weights;
  }

  test('make a row as likely as one over the number of rows that are near to it, itself included', async () => {
    const rows = await slowRows();
    const weights = slowWeights(rows, () => true);
    expect(new Set(weights.values()).size).toBeGreaterThan(2);
    const taken = await chances(await draw('task_balanced', [WEIGHT]));
    for (const [rowIndex, chance] of taken) {
      const { task } = rows.find((row) => row.rowIndex === rowIndex)!;
      const total = rows.filter((row) => row.task === task).reduce((sum, row) => sum + weights.get(row.rowIndex)!, 0);
      expect([chance]).toBeAllclose([weights.get(rowIndex)! / total], { rtol: 1e-12, atol: 0 });
    }
  });

  test('count the rows alone that filters have kept', async () => {
    const config = run.config(withFilters('near_duplicates'));
    const filter = await filterBy(config);
    const { filtered } = filter;
    const left = await rowsOf(filter);
    const rows = await slowRows();
    const weights = slowWeights(rows, (rowIndex) => left.get(rowIndex)!.filter === null);
    const taken = await chances(await draw('task_balanced', [WEIGHT, withFilters('near_duplicates')], { filtered }));
    // No kept row is near to another one.
    for (const rowIndex of taken.keys()) expect(weights.get(rowIndex)).toBe(1);
    const plain = await chances(await draw('task_balanced', [withFilters('near_duplicates')], { filtered }));
    expect([...taken.keys()]).toEqual([...plain.keys()]);
  });

  test('make a selection another one where rows are drawn, and none where they are ranked', async () => {
    for (const method of ['tive', 'random', 'task_balanced', 'deduplicated', 'loss'] as const) {
      const [plain, weighted] = [await draw(method, []), await draw(method, [WEIGHT])];
      if (method === 'loss') expect(weighted).toEqual({ ...plain, cached: true });
      else expect(weighted.selection.uri).not.toBe(plain.selection.uri);
      const other = await draw(method, ['selection.near_duplicate_weight=0.9']);
      if (method !== 'loss') expect(other.selection.uri).not.toBe(weighted.selection.uri);
    }
  });
});

describe('a filtered selection', () => {
  test('takes no row that was left out while there are others, and shares the budget over the kept ones', async () => {
    const config = run.config(withFilters('near_duplicates'));
    const filter = await filterBy(config);
    const left = await rowsOf(filter);
    const kept = filter.tasks.map(({ task, keptCount }) => ({ task, keptCount }));
    for (const method of ['task_balanced', 'tive', 'random', 'loss'] as const) {
      const input = { config, method, tasks: known.tasks, allRowCount: 59, kept };
      const allocation = await inActivity(allocateRows, input);
      expect(allocation.budget).toBe(14);
      for (const { task, quota, rows } of allocation.tasks) {
        if (method === 'task_balanced')
          expect(quota).toBeLessThanOrEqual(kept.find((one) => one.task === task)!.keptCount);
        expect(rows).toBe(known.tasks.find((one) => one.task === task)!.rowCount);
      }
      const select = { config, method, values: known.values, allocation, filtered: filter.filtered };
      const { selection } = await inActivity(selectRows, select);
      for await (const { rowIndex } of selectionTable.read(run.store, selection))
        expect([...rowIndex].filter((row) => left.get(row)!.filter !== null)).toEqual([]);
    }
  });

  test('larger than what was kept fills the tasks up, and says so', async () => {
    const config = run.config('allocation.budget_fraction=0.9', withFilters('near_duplicates'));
    const filter = await filterBy(config);
    const kept = filter.tasks.map(({ task, keptCount }) => ({ task, keptCount }));
    const input = { config, method: 'task_balanced' as const, tasks: known.tasks, allRowCount: 59, kept };
    const allocation = await inActivity(allocateRows, input);
    expect(allocation.warnings.at(-1)).toContain('filters should keep at least the budget of 50 rows');
    const select = { ...input, values: known.values, allocation, filtered: filter.filtered };
    const { selection, rowCount } = await inActivity(selectRows, select);
    expect(rowCount).toBe(50);
    const left = await rowsOf(filter);
    const taken = new Set<number>();
    for await (const { rowIndex } of selectionTable.read(run.store, selection))
      rowIndex.forEach((row) => taken.add(row));
    for (const [rowIndex, { filter: by }] of left) if (by === null) expect(taken).toContain(rowIndex);
  });
});
