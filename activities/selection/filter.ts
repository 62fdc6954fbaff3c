// Before a selection: which rows the filters leave out.
import { cutLosses, guardLosses } from '../../algorithms/loss-filters.ts';
import type { LossRows } from '../../algorithms/loss-filters.ts';
import type { FilteredTask, FilterInput, FilterResult } from '../../contracts/messages/selection.ts';
import type { FilterName } from '../../contracts/methods.ts';
import type { Store } from '../../store/store.ts';
import { filteredTable } from '../../tables/filtered.ts';
import type { FilteredBatch, FilteredDetails } from '../../tables/filtered.ts';
import { openGradientTable } from '../../tables/gradients.ts';
import { readValuesDetails } from '../../tables/values.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';
import { startPulse } from '../shared/heartbeat.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { makeOutput, outputPlace } from '../shared/stage-output.ts';
import type { OutputPlace, WrittenOutput } from '../shared/stage-output.ts';
import { countAnswers, markWarmupRows } from './guarded-rows.ts';
import { findNearDuplicates } from './near-duplicate-rows.ts';
import { readValues } from './values-columns.ts';
import type { ValuedRows } from './values-columns.ts';

/** Where the recipe does not say: a run of an earlier version does not carry them. */
const NEAR_DUPLICATE_COSINE = 0.95;
const LOSS_GUARD = 0.1;
const LOSS_CUT = 0.15;

export function createFilterActivities({ openStore }: ControlDependencies) {
  return {
    async filterRows(input: FilterInput): Promise<FilterResult> {
      const pulse = startPulse('selection', input.filters.join(', '));
      const store = openStore(input.config.store.uri);
      const place = filterPlace(input);
      const work = { ...input, store, openStore, pulse };
      const { reference, details, cached } = await makeOutput(store, place, () => writeFiltered(place, work));
      return { ...details, filtered: reference, cached };
    },
  };
}

/** What is in the address: of the settings those alone that the filters read. */
function filterPlace({ config, filters, values, rows, gradients }: FilterInput): OutputPlace {
  const { nearDuplicateCosine, lossGuard, lossCut } = filterSettings(config.selection);
  const { model, warmup, run } = config;
  return outputPlace('selection', {
    values: values.sha256,
    filters: filters.map((name) => {
      switch (name) {
        case 'near_duplicates':
          return { name, cosine: nearDuplicateCosine, gradients: gradients.map(({ sha256 }) => sha256) };
        case 'loss_guard': {
          const { fraction, balance } = warmup;
          const tuned = model.adapter === null ? { fraction, balance, seed: run.seed } : null;
          return { name, limit: lossGuard, rows: rows.sha256, tuned };
        }
        case 'loss_cut':
          return { name, share: lossCut };
      }
    }),
  });
}

/** Settings of the filters, with what a run of an earlier version had. */
export function filterSettings({
  nearDuplicateCosine = NEAR_DUPLICATE_COSINE,
  lossGuard = LOSS_GUARD,
  lossCut = LOSS_CUT,
}: FilterInput['config']['selection']) {
  return { nearDuplicateCosine, lossGuard, lossCut };
}

interface FilterWork extends FilterInput {
  store: Store;
  openStore: ControlDependencies['openStore'];
  pulse: Pulse;
}

/** What the filters have found so far. */
interface Found {
  /** [example] place of the filter that left a row out among those wanted, plus one; 0 = kept. */
  droppedBy: Uint8Array;
  /** [example] place of the row that a near-duplicate is near to, else its own. */
  kept: Uint32Array;
  /** [task] of the guard; null where there is none. */
  badLossShares: (number | null)[] | null;
}

async function writeFiltered(place: OutputPlace, work: FilterWork): Promise<WrittenOutput<FilteredDetails>> {
  const { store, values, config, filters, pulse } = work;
  const names = (await readValuesDetails(store, values)).tasks.map(({ task }) => task);
  const rows = await readValues(store, values, names, config.values.instanceValue);
  const count = rows.rowIndex.length;
  const found: Found = {
    droppedBy: new Uint8Array(count),
    kept: Uint32Array.from(rows.rowIndex.keys()),
    badLossShares: null,
  };
  for (const [index, filter] of filters.entries()) {
    const dropped = await dropRows(filter, rows, names, found, work);
    found.droppedBy.forEach((by, row) => {
      if (by === 0 && dropped[row] === 1) found.droppedBy[row] = index + 1;
    });
    await pulse.pause();
  }
  const file = await filteredTable.write(store, place.folder, [batchOf(rows, found, filters)]);
  return { files: [file], details: describe(filters, names, rows, found) };
}

/** [example] 1 for rows that a filter leaves out. */
async function dropRows(
  filter: FilterName,
  rows: ValuedRows,
  names: readonly string[],
  found: Found,
  { store, openStore, config, rows: dataset, gradients, pulse }: FilterWork,
): Promise<Uint8Array> {
  const { nearDuplicateCosine, lossGuard, lossCut } = filterSettings(config.selection);
  const { loss, supervised_token_count: supervisedTokenCount } = rows.columns;
  const losses: LossRows = { ...rows, loss, supervisedTokenCount };
  switch (filter) {
    case 'loss_guard': {
      const answerCounts = await countAnswers(store, openStore, config, dataset, rows, names.length, pulse);
      const isWarmup = await markWarmupRows(store, config, dataset, rows);
      const { dropped, badShares } = guardLosses(losses, { answerCounts, isWarmup, limit: lossGuard });
      found.badLossShares = badShares;
      return dropped;
    }
    case 'loss_cut':
      return cutLosses(losses, names, lossCut);
    case 'near_duplicates': {
      const table = await openGradientTable(store, gradients);
      const dropped = found.droppedBy.map((by) => (by === 0 ? 0 : 1));
      const work = { rows, taskCount: names.length, table, cosine: nearDuplicateCosine, dropped };
      found.kept = await findNearDuplicates(store, work, pulse);
      return Uint8Array.from(found.kept, (kept, row) => (kept === row ? 0 : 1));
    }
  }
}

function batchOf(
  { rowIndex, contentHash }: ValuedRows,
  { droppedBy, kept }: Found,
  filters: FilterName[],
): FilteredBatch {
  return {
    rowCount: rowIndex.length,
    rowIndex,
    contentHash,
    filter: Array.from(droppedBy, (by) => (by === 0 ? null : filters[by - 1]!)),
    keptRowIndex: Uint32Array.from(kept, (row) => rowIndex[row]!),
  };
}

function describe(
  filters: FilterName[],
  names: readonly string[],
  { taskIndex }: ValuedRows,
  { droppedBy, badLossShares }: Found,
): FilteredDetails {
  const counts = names.map(() => new Uint32Array(filters.length + 1));
  droppedBy.forEach((by, row) => (counts[taskIndex[row]!]![by]! += 1));
  const tasks = names.map((task, index): FilteredTask => {
    const [keptCount = 0, ...dropped] = counts[index]!;
    return {
      task,
      rowCount: dropped.reduce((sum, count) => sum + count, keptCount),
      keptCount,
      dropped: filters.map((filter, place) => ({ filter, count: dropped[place]! })),
      ...(badLossShares === null ? {} : { badLossShare: badLossShares[index]! }),
    };
  });
  const unguarded = tasks.filter(({ badLossShare }) => badLossShare === null).map(({ task }) => `"${task}"`);
  const warnings =
    unguarded.length === 0
      ? []
      : [
          `selection: answers must repeat for the loss guard to know what chance is, got open-ended ones in ` +
            `${unguarded.join(', ')}; these tasks are not guarded`,
        ];
  return { filters, tasks, warnings };
}
