import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { Config, DatasetConfig } from '../../contracts/config.ts';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import type { ScanInput, ScanResult } from '../../contracts/messages/dataset.ts';
import type { Stage } from '../../contracts/stages.ts';
import { countWarnings, requireUsable } from '../../dataset/rows/dataset-checks.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { planRows } from '../../dataset/rows/plan-rows.ts';
import type { PlannedRow } from '../../dataset/rows/plan-rows.ts';
import { scanDataset } from '../../dataset/rows/scan-dataset.ts';
import type { ScanOptions } from '../../dataset/rows/scan-dataset.ts';
import { labellingOf } from '../../dataset/tasks/task-labeller.ts';
import { RowTally } from '../../dataset/rows/tally.ts';
import type { DatasetTally } from '../../dataset/rows/tally.ts';
import { artifactFolder, stageAddress } from '../../store/addresses.ts';
import type { Json } from '../../store/addresses.ts';
import { findArtifact, finishArtifact, readManifest } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';
import { NO_BATCH, tableSchema } from '../../tables/schemas.ts';
import { writeTable } from '../../tables/arrow-file.ts';
import type { TableRows } from '../../tables/arrow-file.ts';
import { encoderOf, evaluationDataset } from '../shared/compute-context.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import { datasetFingerprint, promptFingerprint } from '../shared/fingerprints.ts';
import { keepBeating, startPulse } from '../shared/heartbeat.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { localDataset } from '../shared/local-dataset.ts';
import { countRows } from '../shared/metrics.ts';
import { checkModel } from '../shared/model-checks.ts';
import { QUARANTINE_FILE } from '../report/quarantine.ts';

/** Rows of one batch of the rows table, at least. */
const BATCH_ROWS = 16_384;

/** What the artifact says beside its table. */
type ScanDetails = Omit<ScanResult, 'rows' | 'cached'>;

/** Stage dataset: source files → the rows table with identities, tasks and the fixed plan, and the quarantined rows. */
export function createDatasetActivities({ openStore }: ComputeDependencies) {
  const scan = async ({ config, source }: ScanInput): Promise<ScanResult> => {
    const stage = source === 'dataset' ? 'dataset' : 'evaluation';
    const pulse = startPulse(stage, source);
    const store = openStore(config.store.uri);
    if (source === 'dataset') await checkModel(config);
    const given = source === 'dataset' ? config.dataset : evaluationDataset(config);
    const dataset = await keepBeating(pulse, localDataset(openStore, given, null));
    const labelled = await keepBeating(pulse, labelledBy(openStore, config, dataset));
    const determinants = await determine(config, dataset, labelled);
    const address = stageAddress('dataset', determinants);
    const found = await findScan(store, address);
    if (found !== null) {
      requireKnownTasks(found, dataset);
      return found;
    }
    const folder = artifactFolder('dataset', address);
    const tally = new RowTally();
    const setAside = new PassThrough();
    const quarantine = store.write(`${folder}/${QUARANTINE_FILE}`, setAside);
    // Its own failure is met where it is awaited below.
    quarantine.catch(() => undefined);
    try {
      const { label, notes } = await keepBeating(pulse, labellingOf(labelled));
      const encoder = await encoderOf(config);
      const batches = rowBatches(config, { dataset, label, encoder }, tally, setAside, pulse, stage);
      const file = await writeTable(store, folder, 'rows.arrow', tableSchema('rows'), batches);
      setAside.end();
      const { extensionDiffersCount, ...counts } = tally.result();
      const details: ScanDetails = {
        ...counts,
        warnings: [...warningsOf(counts, extensionDiffersCount, dataset), ...notes, ...encoder.notes],
      };
      const rows = await finishArtifact(store, 'dataset', address, {
        determinants,
        files: [file, { name: QUARANTINE_FILE, rowCount: 0, ...(await quarantine) }],
        rowCount: file.rowCount,
        details: details as unknown as Json,
      });
      return { ...details, rows, cached: false };
    } catch (error) {
      setAside.destroy(error as Error);
      throw error;
    }
  };
  return {
    /** One pass in bounded memory. @throws InvalidDatasetError where the dataset or the test rows as a whole cannot be used */
    async scanRows(input: ScanInput): Promise<ScanResult> {
      if (input.source === 'dataset') return scan(input);
      const found = await scan(input).catch((error: Error) => {
        throw error instanceof InvalidDatasetError ? new InvalidDatasetError(ofTestRows(error.message)) : error;
      });
      return { ...found, warnings: testWarnings(found) };
    },
  };
}

/** What is said of a dataset, said of test rows. */
export function ofTestRows(message: string): string {
  return message.replace(/^dataset(\.path)?: /, 'evaluation.path: ');
}

/** What a person should know of test rows. */
export function testWarnings({
  rowCount,
  usableCount,
  quarantined,
}: Pick<ScanResult, 'rowCount' | 'usableCount' | 'quarantined'>): string[] {
  if (usableCount === rowCount) return [];
  const reasons = quarantined.filter(({ count }) => count > 0).map(({ reason, count }) => `${count} ${reason}`);
  return [
    `evaluation.path: test rows must be usable, got ${rowCount - usableCount} of ${rowCount} set aside (${reasons.join(', ')})`,
  ];
}

/** What an earlier run has found of the same dataset, or null. */
export async function findDataset(
  openStore: ComputeDependencies['openStore'],
  config: Config,
): Promise<ScanResult | null> {
  const dataset = await localDataset(openStore, config.dataset, null);
  const determinants = await determine(config, dataset, await labelledBy(openStore, config, dataset));
  return findScan(openStore(config.store.uri), stageAddress('dataset', determinants));
}

async function findScan(store: Store, address: string): Promise<ScanResult | null> {
  const found = await findArtifact(store, 'dataset', address);
  if (found === null) return null;
  const details = (await readManifest(store, found)).details as unknown as ScanDetails;
  return { ...details, rows: found, cached: true };
}

/** Whose rows decide over the labels: rows to score are clustered as those that are chosen from. */
async function labelledBy(
  openStore: ComputeDependencies['openStore'],
  config: Config,
  dataset: LocalDataset,
): Promise<LocalDataset> {
  return config.dataset.taskRules === 'cluster' ? localDataset(openStore, config.dataset, null) : dataset;
}

async function determine({ model, gradients }: Config, dataset: LocalDataset, labelled: LocalDataset): Promise<Json> {
  const { format, taskField, taskRules, maxImages, maxRows, maxQuarantinedFraction } = dataset;
  const { cutoffLen, tokenBudget, shardRows } = gradients;
  return {
    dataset: {
      ...{ format, taskField, maxImages, maxRows, maxQuarantinedFraction },
      taskRules: taskRules as Json,
      labelledBy: taskRules === 'cluster' ? await datasetFingerprint(labelled) : null,
    },
    forms: dataset.sources.map(({ form }) => form) as unknown as Json,
    plan: { cutoffLen, tokenBudget, shardRows },
    template: model.template,
    prompt: await promptFingerprint(model.path),
    source: await datasetFingerprint(dataset),
  };
}

/** Reads, plans and counts the rows; lines of those set aside go to `setAside`. Throws at the end where too many are bad. */
async function* rowBatches(
  config: Config,
  scan: ScanOptions,
  tally: RowTally,
  setAside: PassThrough,
  pulse: Pulse,
  stage: Stage,
): AsyncGenerator<TableRows> {
  const records = scanDataset(scan);
  let batch: PlannedRow[] = [];
  let rowCount = 0;
  for await (const window of planRows(records, config.gradients)) {
    for (const row of window) {
      tally.add(row);
      if (row.record.rejection !== null && !setAside.write(quarantineLine(row))) await once(setAside, 'drain');
      batch.push(row);
    }
    rowCount += window.length;
    countRows(stage, window.length);
    await pulse.committed(rowCount, 0);
    if (batch.length < BATCH_ROWS) continue;
    yield toTableRows(batch);
    batch = [];
  }
  const total = tally.result();
  requireUsable(
    { ...total, quarantined: new Map(total.quarantined.map(({ reason, count }) => [reason, count])) },
    scan.dataset,
  );
  requireKnownTasks(total, scan.dataset);
  if (batch.length > 0) yield toTableRows(batch);
}

/** A line of `quarantine.jsonl`. */
export function quarantineLine({ record: { rowIndex, task, rejection } }: PlannedRow): string {
  const { reason, detail } = rejection!;
  // `row 88 turn 0: …`, but `row 97: image must …`.
  const separator = /^(turn|line) /.test(detail) ? ' ' : ': ';
  const text = `row ${rowIndex.toLocaleString('en')}${separator}${detail.replace(/^row /, '')}`;
  return `${JSON.stringify({ row_index: rowIndex, task, reason, detail: text })}\n`;
}

/** @throws InvalidDatasetError where an excluded task is none of the dataset's */
export function requireKnownTasks({ tasks }: Pick<DatasetTally, 'tasks'>, { excludeTasks }: DatasetConfig): void {
  const unknown = excludeTasks.find((name) => !tasks.some(({ task }) => task === name));
  if (unknown === undefined) return;
  const names = tasks.map(({ task }) => task).join(', ');
  throw new InvalidDatasetError(`dataset.exclude_tasks: tasks must exist, got "${unknown}"; known: ${names}`);
}

/** What a person should know of a dataset that can be used. */
export function warningsOf(
  { tasks }: Pick<DatasetTally, 'tasks'>,
  extensionDiffersCount: number,
  { taskRules, maxRows }: DatasetConfig,
): string[] {
  const warnings =
    extensionDiffersCount > 0
      ? [`images: extension must match the content, got ${extensionDiffersCount} that differ; decoded by content`]
      : [];
  for (const { task, rowCount, usableCount } of tasks)
    if (usableCount === 0)
      warnings.push(`task ${task}: must have a usable row to get a share, got none of ${rowCount}`);
  const isWhole = taskRules === 'llava-1.5' && maxRows === null && tasks.some(({ task }) => task === 'vqav2_okvqa');
  if (isWhole) warnings.push(...countWarnings(new Map(tasks.map(({ task, rowCount }) => [task, rowCount]))));
  return warnings;
}

/** Rows with their places in the plan, as the rows table has them. */
export function toTableRows(rows: readonly PlannedRow[]): TableRows {
  const contentHash = new Uint8Array(rows.length * 32);
  rows.forEach(({ record }, row) => contentHash.set(record.contentHash, row * 32));
  const numbers = (pick: (row: PlannedRow) => number): Uint32Array => Uint32Array.from(rows, pick);
  return {
    rowCount: rows.length,
    columns: {
      row_index: numbers(({ record }) => record.rowIndex),
      source_index: numbers(({ record }) => record.sourceIndex),
      byte_start: BigInt64Array.from(rows, ({ record }) => BigInt(record.byteStart)),
      byte_end: BigInt64Array.from(rows, ({ record }) => BigInt(record.byteEnd)),
      id: rows.map(({ record }) => record.id),
      task: rows.map(({ record }) => record.task),
      image: rows.map(({ record }) => record.image),
      content_hash: contentHash,
      token_count: numbers(({ record }) => record.tokenCount),
      image_token_count: numbers(({ record }) => record.imageTokenCount),
      supervised_token_count: numbers(({ record }) => record.supervisedTokenCount),
      truncated: rows.map(({ record }) => record.truncated),
      micro_batch: numbers(({ place }) => place?.microBatch ?? NO_BATCH),
      shard: numbers(({ place }) => place?.shard ?? NO_BATCH),
      reason: rows.map(({ record }) => record.rejection?.reason ?? null),
    },
  };
}
