import type { FingerprintInput, NewRowsPlan, PlanNewRowsInput } from '../../contracts/messages/incremental.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { Reason } from '../../contracts/reasons.ts';
import { planRows } from '../../dataset/rows/plan-rows.ts';
import type { RowRecord } from '../../dataset/rows/scan-dataset.ts';
import { artifactFolder, canonicalJson, sha256, stageAddress } from '../../store/addresses.ts';
import type { Json } from '../../store/addresses.ts';
import { fileOf, findArtifact, finishArtifact, readManifest } from '../../store/artifacts.ts';
import { gradientSchema, tableSchema } from '../../tables/schemas.ts';
import type { Store } from '../../store/store.ts';
import { readTable, writeTable } from '../../tables/arrow-file.ts';
import type { TableBatch, TableRows } from '../../tables/arrow-file.ts';
import { toTableRows } from '../dataset/stage.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import { evaluationDataset } from '../shared/compute-context.ts';
import { changeFingerprint, folderFingerprint } from '../shared/fingerprints.ts';
import { gradientDeterminants } from './stage.ts';
import type { GradientDetails } from '../../tables/gradient-files.ts';
import { startPulse } from '../shared/heartbeat.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { RowLookup } from '../shared/row-lookup.ts';
import { usableRows } from '../../tables/row-table.ts';

/** What incremental runs need before their gradients: whether anything changed, and which rows are new. */
export function createNewRowsActivities({ openStore, models }: ComputeDependencies) {
  return {
    /**
     * Hash of what a run reads: dataset, model, adapter, test rows. Pictures and weights are not read, their names, sizes
     * and times are: it is cheap, and different whenever a file has changed.
     */
    async fingerprintDataset({ config }: FingerprintInput): Promise<string> {
      startPulse('dataset', 'fingerprint');
      const { dataset, model, evaluation } = config;
      const read = {
        dataset: await changeFingerprint(openStore, dataset),
        model: await folderFingerprint(model.path),
        adapter: model.adapter === null ? null : await folderFingerprint(model.adapter),
        evaluation: evaluation.path === null ? null : await changeFingerprint(openStore, evaluationDataset(config)),
      };
      return sha256(canonicalJson(read));
    },

    /**
     * Compares the dataset with the gradient tables by content, and writes a rows table of those that have no gradient,
     * with micro-batches of its own: the rows that are there keep their bits.
     */
    async planNewRows(input: PlanNewRowsInput): Promise<NewRowsPlan> {
      const { config, rows, tables } = input;
      const pulse = startPulse('gradients', 'new rows');
      const store = openStore(config.store.uri);
      const refusal = await refuse(store, tables, await gradientDeterminants(input, models));
      if (refusal !== null) return { refusal, ...NOTHING };
      const lookup = await RowLookup.read(store, rows);
      const known = await matchTables(store, tables, lookup, pulse);
      const removedRowCount = await countRemoved(store, input.lastRows, lookup, pulse);
      const newRowCount = lookup.count - known.rowIndexes.size;
      const newRows = newRowCount === 0 ? null : await writeNewRows(store, input, known.rowIndexes, newRowCount, pulse);
      const quarantined = [...known.reasons].map(([reason, count]) => ({ reason, count }));
      return { refusal, newRows, newRowCount, keptRowCount: known.rowIndexes.size, removedRowCount, quarantined };
    },
  };
}

const NOTHING = { newRows: null, newRowCount: 0, keptRowCount: 0, removedRowCount: 0, quarantined: [] };

/** Why the tables do not fit what would be computed now: another model, projection, prompt or engine. */
async function refuse(store: Store, tables: readonly ArtifactReference[], wanted: Json): Promise<string | null> {
  const now = Object.entries(wanted as { [key: string]: Json }).filter(([key]) => key !== 'rows' && key !== 'adapter');
  for (const table of tables) {
    const then = (await readManifest(store, table)).determinants as { [key: string]: Json };
    const other = now.find(([key, value]) => canonicalJson(value) !== canonicalJson(then[key] ?? null))?.[0];
    if (other !== undefined) return `the gradients that are there were taken with another ${other}`;
  }
  return null;
}

interface KnownRows {
  /** Places of the rows that have a gradient. */
  rowIndexes: Set<number>;
  reasons: Map<Reason, number>;
}

async function matchTables(
  store: Store,
  tables: readonly ArtifactReference[],
  lookup: RowLookup,
  pulse: Pulse,
): Promise<KnownRows> {
  const known: KnownRows = { rowIndexes: new Set(), reasons: new Map() };
  const take = lookup.taker();
  for (const table of tables) {
    const manifest = await readManifest(store, table);
    const { sketch, storage } = manifest.details as unknown as GradientDetails;
    for (const file of manifest.files) {
      for await (const batch of readTable(store, table.uri, file, gradientSchema(sketch, storage))) {
        matchBatch(batch, lookup, take, known);
        await pulse.pause();
      }
    }
  }
  return known;
}

function matchBatch(
  batch: TableBatch,
  lookup: RowLookup,
  take: ReturnType<RowLookup['taker']>,
  known: KnownRows,
): void {
  const hashes = batch.bytes('content_hash');
  const reasons = batch.strings('reason') as (Reason | null)[];
  for (let row = 0; row < batch.rowCount; row += 1) {
    const position = take(hashes, row * 32);
    if (position < 0) continue;
    known.rowIndexes.add(lookup.rowIndex(position));
    const reason = reasons[row] ?? null;
    if (reason !== null) known.reasons.set(reason, (known.reasons.get(reason) ?? 0) + 1);
  }
}

/** Usable rows of the last run that the dataset has no more. */
async function countRemoved(
  store: Store,
  lastRows: ArtifactReference,
  lookup: RowLookup,
  pulse: Pulse,
): Promise<number> {
  const take = lookup.taker();
  let count = 0;
  for await (const { contentHash } of usableRows(store, lastRows)) {
    if (take(contentHash, 0) < 0) count += 1;
    await pulse.pause();
  }
  return count;
}

async function writeNewRows(
  store: Store,
  { config, rows, tables }: PlanNewRowsInput,
  known: ReadonlySet<number>,
  newRowCount: number,
  pulse: Pulse,
): Promise<ArtifactReference> {
  const { tokenBudget, shardRows } = config.gradients;
  const determinants = {
    rows: rows.sha256,
    known: tables.map(({ sha256: hash }) => hash),
    plan: { tokenBudget, shardRows },
  };
  const address = stageAddress('dataset', determinants);
  const found = await findArtifact(store, 'dataset', address);
  if (found !== null) return found;
  let [shardCount, microBatchCount] = [0, 0];
  const batches = async function* (): AsyncGenerator<TableRows> {
    for await (const window of planRows(readRecords(store, rows, known), config.gradients)) {
      for (const { place } of window) {
        shardCount = Math.max(shardCount, (place?.shard ?? -1) + 1);
        microBatchCount = Math.max(microBatchCount, (place?.microBatch ?? -1) + 1);
      }
      yield toTableRows(window);
      await pulse.pause();
    }
  };
  const file = await writeTable(
    store,
    artifactFolder('dataset', address),
    'rows.arrow',
    tableSchema('rows'),
    batches(),
  );
  const details = { rowCount: newRowCount, usableCount: newRowCount, shardCount, microBatchCount };
  return finishArtifact(store, 'dataset', address, { determinants, files: [file], rowCount: file.rowCount, details });
}

/** The usable rows of a rows table that are not known, as the dataset stage has seen them. */
async function* readRecords(
  store: Store,
  rows: ArtifactReference,
  known: ReadonlySet<number>,
): AsyncGenerator<RowRecord[]> {
  const manifest = await readManifest(store, rows);
  for await (const batch of readTable(store, rows.uri, fileOf(manifest, 'rows.arrow'), tableSchema('rows'))) {
    const [reasons, ids, tasks, images] = [
      batch.strings('reason'),
      batch.strings('id'),
      batch.strings('task'),
      batch.strings('image'),
    ];
    const truncated = batch.booleans('truncated');
    const records: RowRecord[] = [];
    for (let row = 0; row < batch.rowCount; row += 1) {
      const rowIndex = batch.uint32('row_index')[row]!;
      if (reasons[row] !== null || known.has(rowIndex)) continue;
      records.push({
        rowIndex,
        sourceIndex: batch.uint32('source_index')[row]!,
        byteStart: Number(batch.int64('byte_start')[row]),
        byteEnd: Number(batch.int64('byte_end')[row]),
        id: ids[row] ?? null,
        task: tasks[row] ?? null,
        image: images[row] ?? null,
        contentHash: batch.bytes('content_hash').slice(row * 32, (row + 1) * 32),
        tokenCount: batch.uint32('token_count')[row]!,
        imageTokenCount: batch.uint32('image_token_count')[row]!,
        supervisedTokenCount: batch.uint32('supervised_token_count')[row]!,
        truncated: truncated[row]!,
        rejection: null,
        extensionDiffers: false,
      });
    }
    yield records;
  }
}
