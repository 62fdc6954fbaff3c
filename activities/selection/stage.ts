import { selectRows } from '../../algorithms/selectors/select-rows.ts';
import type { SelectableRows } from '../../algorithms/selectors/select-rows.ts';
import type { SelectedRows } from '../../algorithms/selectors/take-rows.ts';
import type { InstanceValueKind } from '../../contracts/config.ts';
import type { SelectInput, SelectionResult } from '../../contracts/messages/selection.ts';
import { methodSettings } from '../../contracts/methods.ts';
import { artifactFolder, stageAddress } from '../../store/addresses.ts';
import type { Json } from '../../store/addresses.ts';
import { fileOf, findArtifact, finishArtifact, readManifest } from '../../store/artifacts.ts';
import { tableSchema } from '../../tables/schemas.ts';
import type { Store } from '../../store/store.ts';
import { readTable, writeTable } from '../../tables/arrow-file.ts';
import type { TableRows } from '../../tables/arrow-file.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';
import { startPulse } from '../shared/heartbeat.ts';

/** What the artifact says beside its table. */
type SelectionDetails = Pick<SelectionResult, 'method' | 'rowCount' | 'tasks' | 'warnings'>;

/** Stage selection: values and allocation → the chosen rows, by named random streams over row contents. */
export function createSelectionActivities({ openStore }: ControlDependencies) {
  return {
    async selectRows({ config, method, values, allocation }: SelectInput): Promise<SelectionResult> {
      startPulse('selection', method);
      const store = openStore(config.store.uri);
      const { seed } = config.run;
      const { instanceValue } = config.values;
      const quotas = allocation.tasks.map(({ task, quota }) => ({ task, quota }));
      const determinants = {
        values: values.sha256,
        method,
        ...methodSettings(method, config.selection),
        seed,
        budget: allocation.budget,
        quotas,
      };
      const address = stageAddress('selection', determinants);
      const found = await findArtifact(store, 'selection', address);
      if (found !== null) {
        const details = (await readManifest(store, found)).details as unknown as SelectionDetails;
        return { ...details, selection: found, cached: true };
      }
      const names = quotas.map(({ task }) => task);
      const rows = await readValues(store, values, names, instanceValue);
      const selected = selectRows(rows, {
        ...config.selection,
        ...{ method, seed, budget: allocation.budget, tasks: quotas },
      });
      const details = describe(method, names, rows, selected.rows, selected.effectiveShare, selected.warnings);
      const folder = artifactFolder('selection', address);
      const file = await writeTable(store, folder, 'selection.arrow', tableSchema('selection'), [
        selectionTable(rows, selected.rows, names),
      ]);
      const selection = await finishArtifact(store, 'selection', address, {
        determinants,
        files: [file],
        rowCount: file.rowCount,
        details: details as unknown as Json,
      });
      return { ...details, selection, cached: false };
    },
  };
}

/** The values table's columns in memory: about 100 bytes a row. */
async function readValues(
  store: Store,
  values: ArtifactReference,
  names: readonly string[],
  kind: InstanceValueKind,
): Promise<SelectableRows> {
  const manifest = await readManifest(store, values);
  const count = manifest.rowCount;
  const index = new Map(names.map((name, position) => [name, position]));
  const rows: SelectableRows = {
    rowIndex: new Uint32Array(count),
    contentHash: new Uint8Array(count * 32),
    taskIndex: new Uint32Array(count),
    instanceValue: new Float64Array(count),
    gradientNorm: new Float64Array(count),
  };
  let start = 0;
  for await (const batch of readTable(store, values.uri, fileOf(manifest, 'values.arrow'), tableSchema('values'))) {
    rows.rowIndex.set(batch.uint32('row_index'), start);
    rows.contentHash.set(batch.bytes('content_hash'), start * 32);
    rows.taskIndex.set(
      batch.strings('task').map((task) => index.get(task!)!),
      start,
    );
    rows.instanceValue.set(batch.float64(kind), start);
    rows.gradientNorm.set(batch.float64('gradient_norm'), start);
    start += batch.rowCount;
  }
  return rows;
}

function describe(
  method: SelectionResult['method'],
  names: readonly string[],
  rows: SelectableRows,
  selected: SelectedRows,
  effectiveShare: Float64Array,
  warnings: string[],
): SelectionDetails {
  const tasks = names.map((task, index) => ({
    task,
    selected: 0,
    copies: 0,
    effectiveShare: finiteOrNull(effectiveShare[index]!),
  }));
  let rowCount = 0;
  selected.position.forEach((position, place) => {
    const task = tasks[rows.taskIndex[position]!]!;
    task.selected += 1;
    task.copies += selected.copies[place]!;
    rowCount += selected.copies[place]!;
  });
  return { method, rowCount, tasks, warnings };
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function selectionTable(
  rows: SelectableRows,
  { position, copies, probability, rank }: SelectedRows,
  names: readonly string[],
): TableRows {
  const contentHash = new Uint8Array(position.length * 32);
  position.forEach((row, place) => contentHash.set(rows.contentHash.subarray(row * 32, (row + 1) * 32), place * 32));
  return {
    rowCount: position.length,
    columns: {
      row_index: Uint32Array.from(position, (row) => rows.rowIndex[row]!),
      content_hash: contentHash,
      task: Array.from(position, (row) => names[rows.taskIndex[row]!]!),
      copies,
      probability,
      rank,
    },
  };
}
