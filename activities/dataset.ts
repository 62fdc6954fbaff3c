import type { Config, DatasetConfig } from '../contracts/config.ts';
import { InvalidDatasetError } from '../contracts/failures.ts';
import type { ScanInput, ScanResult, TaskCounts } from '../contracts/messages.ts';
import type { Reason } from '../contracts/reasons.ts';
import { countWarnings, requireUsable } from '../dataset/dataset-checks.ts';
import { planMicroBatches, planShards } from '../dataset/micro-batches.ts';
import { scanDataset } from '../dataset/scan-dataset.ts';
import type { RowRecord } from '../dataset/scan-dataset.ts';
import { artifactFolder, stageAddress } from '../store/addresses.ts';
import type { Json } from '../store/addresses.ts';
import { findArtifact, finishArtifact, readManifest } from '../store/artifacts.ts';
import { NO_BATCH, tableSchema } from '../store/schemas.ts';
import type { Store } from '../store/store.ts';
import { writeTable } from '../store/tables.ts';
import type { TableRows } from '../store/tables.ts';
import { encoderOf, evaluationDataset } from './compute-context.ts';
import type { ComputeDependencies } from './dependencies.ts';
import { datasetFingerprint, promptFingerprint } from './fingerprints.ts';
import { startPulse } from './heartbeat.ts';
import { checkModel } from './model-checks.ts';
import type { Pulse } from './heartbeat.ts';

/** Rows of one batch of the rows table. */
const BATCH_ROWS = 16_384;

/** What the artifact says beside its table. */
type ScanDetails = Omit<ScanResult, 'rows' | 'cached'>;

/** Stage dataset: source files → the rows table with identities, tasks and the fixed plan, and the quarantined rows. */
export function createDatasetActivities({ openStore }: ComputeDependencies) {
  return {
    /** @throws InvalidDatasetError where the dataset as a whole cannot be used */
    async scanRows({ config, source }: ScanInput): Promise<ScanResult> {
      const pulse = startPulse(source === 'dataset' ? 'dataset' : 'evaluation', source);
      const store = openStore(config.store.uri);
      if (source === 'dataset') await checkModel(config);
      const dataset = source === 'dataset' ? config.dataset : evaluationDataset(config);
      const address = stageAddress('dataset', await determine(config, dataset));
      const found = await findArtifact(store, 'dataset', address);
      if (found !== null) {
        const details = (await readManifest(store, found)).details as unknown as ScanDetails;
        return { ...details, rows: found, cached: true };
      }
      const records = await readAll(config, dataset, pulse);
      const details = summarize(records, config, dataset);
      const folder = artifactFolder('dataset', address);
      const file = await writeTable(
        store,
        folder,
        'rows.arrow',
        tableSchema('rows'),
        rowBatches(records, details.plan),
      );
      const quarantine = await writeQuarantine(store, folder, records);
      const rows = await finishArtifact(store, 'dataset', address, {
        determinants: await determine(config, dataset),
        files: [file, quarantine],
        rowCount: file.rowCount,
        details: details.result as unknown as Json,
      });
      return { ...details.result, rows, cached: false };
    },
  };
}

async function determine({ model, gradients }: Config, dataset: DatasetConfig): Promise<Json> {
  const { format, taskField, taskRules, maxImages, maxRows, maxQuarantinedFraction } = dataset;
  const { cutoffLen, tokenBudget, shardRows } = gradients;
  return {
    dataset: { format, taskField, taskRules, maxImages, maxRows, maxQuarantinedFraction },
    plan: { cutoffLen, tokenBudget, shardRows },
    template: model.template,
    prompt: await promptFingerprint(model.path),
    source: await datasetFingerprint(dataset),
  };
}

async function readAll(config: Config, dataset: DatasetConfig, pulse: Pulse): Promise<RowRecord[]> {
  const encoder = await encoderOf(config);
  const records: RowRecord[] = [];
  for await (const chunk of scanDataset({ dataset, encoder })) {
    records.push(...chunk);
    await pulse.committed(records.length, 0);
  }
  return records;
}

/** Micro-batch and shard of each usable row, by position among the usable rows. */
interface Plan {
  microBatch: Uint32Array;
  shard: Uint32Array;
}

function summarize(
  records: readonly RowRecord[],
  config: Config,
  dataset: DatasetConfig,
): { result: ScanDetails; plan: Plan } {
  const usable = records.filter(({ rejection }) => rejection === null);
  const quarantined = new Map<Reason, number>();
  for (const { rejection } of records)
    if (rejection !== null) quarantined.set(rejection.reason, (quarantined.get(rejection.reason) ?? 0) + 1);
  requireUsable({ rowCount: records.length, usableCount: usable.length, quarantined }, dataset);
  const tasks = countTasks(records);
  const unknown = dataset.excludeTasks.find((name) => !tasks.some(({ task }) => task === name));
  if (unknown !== undefined) {
    const names = tasks.map(({ task }) => task).join(', ');
    throw new InvalidDatasetError(`dataset.exclude_tasks: tasks must exist, got "${unknown}"; known: ${names}`);
  }
  const tokenCounts = Uint32Array.from(usable, ({ tokenCount }) => tokenCount);
  const batches = planMicroBatches(tokenCounts, config.gradients.tokenBudget);
  const shards = planShards(
    batches.map(({ length }) => length),
    config.gradients.shardRows,
  );
  const plan: Plan = { microBatch: new Uint32Array(usable.length), shard: new Uint32Array(usable.length) };
  batches.forEach((positions, batch) => {
    for (const position of positions) {
      plan.microBatch[position] = batch;
      plan.shard[position] = shards[batch]!;
    }
  });
  const result: ScanDetails = {
    rowCount: records.length,
    usableCount: usable.length,
    tasks,
    quarantined: [...quarantined]
      .map(([reason, count]) => ({ reason, count }))
      .sort((left, right) => right.count - left.count || (left.reason < right.reason ? -1 : 1)),
    duplicateCount: countDuplicates(usable),
    microBatchCount: batches.length,
    shardCount: (shards.at(-1) ?? -1) + 1,
    tokenCount: tokenCounts.reduce((sum, count) => sum + count, 0),
    warnings: warningsOf(records, tasks, dataset),
  };
  return { result, plan };
}

function countTasks(records: readonly RowRecord[]): TaskCounts[] {
  const counts = new Map<string, TaskCounts>();
  for (const { task, rejection } of records) {
    if (task === null) continue;
    const line = counts.get(task) ?? { task, rowCount: 0, usableCount: 0 };
    line.rowCount += 1;
    if (rejection === null) line.usableCount += 1;
    counts.set(task, line);
  }
  return [...counts.values()].sort((left, right) => (left.task < right.task ? -1 : 1));
}

/** Usable rows whose content an earlier row has as well. */
function countDuplicates(usable: readonly RowRecord[]): number {
  const seen = new Set(usable.map(({ contentHash }) => Buffer.from(contentHash).toString('latin1')));
  return usable.length - seen.size;
}

function warningsOf(records: readonly RowRecord[], tasks: readonly TaskCounts[], dataset: DatasetConfig): string[] {
  const differing = records.reduce((count, record) => count + (record.extensionDiffers ? 1 : 0), 0);
  const warnings =
    differing > 0 ? [`images: extension must match the content, got ${differing} that differ; decoded by content`] : [];
  const isWhole =
    dataset.taskRules === 'llava-1.5' && dataset.maxRows === null && tasks.some(({ task }) => task === 'vqav2_okvqa');
  if (isWhole) warnings.push(...countWarnings(new Map(tasks.map(({ task, rowCount }) => [task, rowCount]))));
  return warnings;
}

function* rowBatches(records: readonly RowRecord[], plan: Plan): Generator<TableRows> {
  let usable = 0;
  for (let start = 0; start < records.length; start += BATCH_ROWS) {
    const part = records.slice(start, start + BATCH_ROWS);
    const microBatch = new Uint32Array(part.length).fill(NO_BATCH);
    const shard = new Uint32Array(part.length).fill(NO_BATCH);
    const contentHash = new Uint8Array(part.length * 32);
    part.forEach((record, row) => {
      contentHash.set(record.contentHash, row * 32);
      if (record.rejection !== null) return;
      microBatch[row] = plan.microBatch[usable]!;
      shard[row] = plan.shard[usable]!;
      usable += 1;
    });
    const numbers = (pick: (record: RowRecord) => number): Uint32Array => Uint32Array.from(part, pick);
    yield {
      rowCount: part.length,
      columns: {
        row_index: numbers(({ rowIndex }) => rowIndex),
        source_index: numbers(({ sourceIndex }) => sourceIndex),
        byte_start: BigInt64Array.from(part, ({ byteStart }) => BigInt(byteStart)),
        byte_end: BigInt64Array.from(part, ({ byteEnd }) => BigInt(byteEnd)),
        id: part.map(({ id }) => id),
        task: part.map(({ task }) => task),
        image: part.map(({ image }) => image),
        content_hash: contentHash,
        token_count: numbers(({ tokenCount }) => tokenCount),
        image_token_count: numbers(({ imageTokenCount }) => imageTokenCount),
        supervised_token_count: numbers(({ supervisedTokenCount }) => supervisedTokenCount),
        truncated: part.map(({ truncated }) => truncated),
        micro_batch: microBatch,
        shard,
        reason: part.map(({ rejection }) => rejection?.reason ?? null),
      },
    };
  }
}

async function writeQuarantine(store: Store, folder: string, records: readonly RowRecord[]) {
  const lines = function* (): Generator<Uint8Array> {
    for (const { rowIndex, task, rejection } of records) {
      if (rejection === null) continue;
      const { reason, detail } = rejection;
      yield Buffer.from(
        `${JSON.stringify({ row_index: rowIndex, task, reason, detail: `row ${rowIndex.toLocaleString('en')} ${detail}` })}\n`,
      );
    }
  };
  const name = 'quarantine.jsonl';
  return { name, rowCount: 0, ...(await store.write(`${folder}/${name}`, lines())) };
}
