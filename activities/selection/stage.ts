// Stage selection: values and allocation → the chosen rows, by named random streams over row contents.
import { selectRows } from '../../algorithms/selectors/select-rows.ts';
import type { SelectableRows, Selection } from '../../algorithms/selectors/select-rows.ts';
import type { SelectedRows } from '../../algorithms/selectors/take-rows.ts';
import type { SelectInput, SelectionResult } from '../../contracts/messages/selection.ts';
import { methodSettings, quotasOf } from '../../contracts/methods.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { settingsOf } from '../../contracts/stage-settings.ts';
import type { Store } from '../../store/store.ts';
import { filteredTable } from '../../tables/filtered.ts';
import { pickHashes } from '../../tables/hash-column.ts';
import { copiesTable } from '../../tables/copies.ts';
import { selectionTable } from '../../tables/selection.ts';
import type { SelectionBatch, SelectionDetails } from '../../tables/selection.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';
import { startPulse } from '../shared/heartbeat.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { makeOutput, outputPlace } from '../shared/stage-output.ts';
import type { OutputPlace, WrittenOutput } from '../shared/stage-output.ts';
import { COPIES_VERSION, planCopies } from './copies.ts';
import { gradientColumns, gradientSettings } from './gradient-columns.ts';
import { nearDuplicateWeights, weightSettings } from './near-duplicate-weights.ts';
import { readValues } from './values-columns.ts';
import type { ValuedRows } from './values-columns.ts';

export function createSelectionActivities({ openStore }: ControlDependencies) {
  return {
    async selectRows(input: SelectInput): Promise<SelectionResult> {
      const pulse = startPulse('selection', input.method);
      const store = openStore(input.config.store.uri);
      const place = selectionPlace(input);
      const { reference, details, cached } = await makeOutput(store, place, () =>
        writeSelection(store, place, input, { openStore, pulse }),
      );
      return { ...details, selection: reference, cached };
    },
  };
}

function selectionPlace(input: SelectInput): OutputPlace {
  const { config, method, values, allocation, filtered, rows } = input;
  return outputPlace('selection', {
    values: values.sha256,
    ...settingsOf('selection', config),
    method,
    ...methodSettings(method, config.selection),
    budget: allocation.budget,
    quotas: taskQuotas(allocation),
    filtered: filtered?.sha256,
    ...gradientSettings(method, input),
    copies: rows && { version: COPIES_VERSION, rows: rows.sha256 },
    ...weightSettings(input),
  });
}

function taskQuotas({ tasks }: SelectInput['allocation']): { task: string; quota: number }[] {
  return tasks.map(({ task, quota }) => ({ task, quota }));
}

async function writeSelection(
  store: Store,
  { folder }: OutputPlace,
  input: SelectInput,
  { openStore, pulse }: Pick<ControlDependencies, 'openStore'> & { pulse: Pulse },
): Promise<WrittenOutput<SelectionDetails>> {
  const { config, method, values, allocation } = input;
  const tasks = taskQuotas(allocation);
  const names = tasks.map(({ task }) => task);
  const valued = await readValues(store, values, names, config.values.instanceValue);
  const rows = await selectable(store, input, valued, names, pulse);
  const { seed } = config.run;
  const quotas = quotasOf(method, config.allocation.weighting);
  const { budget } = allocation;
  const selected = selectRows(rows, { ...config.selection, method, seed, quotas, budget, tasks });
  const file = await selectionTable.write(store, folder, [selectionBatch(rows, selected.rows, names)]);
  const details = { method, ...selectionDetails(names, rows, selected) };
  const source = { store, openStore, config, valued, names, selected: selected.rows, pulse };
  const copies = input.rows === undefined ? null : await planCopies({ ...source, rows: input.rows });
  if (copies === null) return { files: [file], details };
  const changes = await copiesTable.write(store, folder, [copies.batch]);
  return { files: [file, changes], details: { ...details, copies: copies.counts } };
}

/** All that the method reads of the rows, and which of them are not to be taken. */
async function selectable(
  store: Store,
  input: SelectInput,
  valued: ValuedRows,
  names: readonly string[],
  pulse: Pulse,
): Promise<SelectableRows> {
  const { columns, heldOut } = await gradientColumns(store, input, valued, names, pulse);
  const { filtered } = input;
  const dropped = filtered === undefined ? null : await readDropped(store, valued, filtered);
  const weight = await nearDuplicateWeights(store, input, valued, { taskCount: names.length, dropped }, pulse);
  const left = heldOut === undefined || dropped === null ? (heldOut ?? dropped) : either(heldOut, dropped);
  return {
    ...valued,
    columns: { ...valued.columns, ...columns },
    ...(weight !== null && { weight }),
    ...(left !== null && { dropped: left }),
  };
}

/** Marks that one of two columns has. */
function either(one: Uint8Array, other: Uint8Array): Uint8Array {
  return one.map((mark, row) => mark | other[row]!);
}

/** [example] 1 for rows that filters have left out. */
async function readDropped(store: Store, { rowIndex }: ValuedRows, filtered: ArtifactReference): Promise<Uint8Array> {
  const dropped = new Uint8Array(rowIndex.length);
  let start = 0;
  for await (const { filter } of filteredTable.read(store, filtered))
    for (const name of filter) dropped[start++] = name === null ? 0 : 1;
  return dropped;
}

function selectionDetails(
  names: readonly string[],
  { taskIndex }: SelectableRows,
  { rows: { position, copies }, effectiveShare, warnings }: Selection,
): Omit<SelectionDetails, 'method'> {
  const tasks = names.map((task, index) => ({
    task,
    selected: 0,
    copies: 0,
    effectiveShare: Number.isFinite(effectiveShare[index]) ? effectiveShare[index]! : null,
  }));
  for (const [place, row] of position.entries()) {
    const task = tasks[taskIndex[row]!]!;
    task.selected += 1;
    task.copies += copies[place]!;
  }
  const rowCount = tasks.reduce((sum, task) => sum + task.copies, 0);
  return { rowCount, tasks, warnings };
}

function selectionBatch(
  rows: SelectableRows,
  { position, copies, probability, rank }: SelectedRows,
  names: readonly string[],
): SelectionBatch {
  return {
    rowCount: position.length,
    rowIndex: Uint32Array.from(position, (row) => rows.rowIndex[row]!),
    contentHash: pickHashes(rows.contentHash, position),
    task: Array.from(position, (row) => names[rows.taskIndex[row]!]!),
    copies,
    probability,
    rank,
  };
}
