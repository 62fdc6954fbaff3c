// Stage dataset: source files → the rows table with identities, tasks and the fixed plan, and the rows set aside.
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { Config } from '../../contracts/config.ts';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import type { ScanInput, ScanResult } from '../../contracts/messages/dataset.ts';
import { settingsOf } from '../../contracts/stage-settings.ts';
import type { Stage } from '../../contracts/stages.ts';
import { requireUsable } from '../../dataset/rows/dataset-checks.ts';
import { planRows } from '../../dataset/rows/plan-rows.ts';
import type { PlannedRow } from '../../dataset/rows/plan-rows.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { scanDataset } from '../../dataset/rows/scan-dataset.ts';
import type { ScanOptions } from '../../dataset/rows/scan-dataset.ts';
import { RowTally } from '../../dataset/rows/tally.ts';
import { labellingOf } from '../../dataset/tasks/task-labeller.ts';
import type { Store } from '../../store/store.ts';
import { QUARANTINE_FILE } from '../../tables/quarantine.ts';
import { rowsTable } from '../../tables/rows.ts';
import type { RowsBatch, RowsDetails } from '../../tables/rows.ts';
import { encoderOf, evaluationDataset } from '../shared/compute-context.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import { datasetFingerprint, promptFingerprint } from '../shared/fingerprints.ts';
import { checkExcluded } from '../shared/excluded-rows.ts';
import { keepBeating, startPulse } from '../shared/heartbeat.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { localDataset } from '../shared/local-dataset.ts';
import { budgetNotes, memoryFacts, requireBatch, tokenBudgetFor, worksOf } from '../shared/memory-plan.ts';
import type { MemoryFacts } from '../shared/memory-plan.ts';
import { LargestBatch } from './largest-batch.ts';
import { countRows } from '../shared/metrics.ts';
import { adapterNotes, checkModel } from '../shared/model-checks.ts';
import type { ModelHost } from '../shared/model-host.ts';
import { setAsideLine, toRowsBatch } from '../shared/rows-batch.ts';
import { findOutput, makeOutput, outputPlace, writeFile } from '../shared/stage-output.ts';
import type { OutputPlace, StageOutput, WrittenOutput } from '../shared/stage-output.ts';
import { datasetWarnings, ofTestRows, requireKnownTasks, testWarnings } from './warnings.ts';

/** Rows of one batch of the rows table, at least. */
const BATCH_ROWS = 16_384;

export function createDatasetActivities({ openStore, models }: ComputeDependencies) {
  const scan = async ({ config, source }: ScanInput): Promise<ScanResult> => {
    const stage = source === 'dataset' ? 'dataset' : 'evaluation';
    const pulse = startPulse(stage, source);
    const store = openStore(config.store.uri);
    if (source === 'dataset') await checkModel(config, models);
    const given = source === 'dataset' ? config.dataset : evaluationDataset(config);
    const dataset = await keepBeating(pulse, localDataset(openStore, given, null));
    const labelled = await keepBeating(pulse, labelledBy(openStore, config, dataset));
    const place = outputPlace('dataset', await determine(config, models, dataset, labelled));
    const output = await makeOutput(store, place, async () => {
      const memory = await memoryFacts(config, models, worksOf(config, source), dataset);
      return writeRows(store, place, { config, models, dataset, labelled, memory, stage, pulse });
    });
    if (output.cached) requireKnownTasks(output.details, dataset);
    return resultOf(output);
  };
  return {
    /**
     * One pass in bounded memory.
     * @throws InvalidDatasetError where the dataset or the test rows as a whole cannot be used
     */
    async scanRows(input: ScanInput): Promise<ScanResult> {
      if (input.source === 'dataset') {
        const found = await scan(input);
        const { decoder } = await models.describe(input.config.model);
        const excluded = await checkExcluded(openStore, input.config, found.rows);
        // Not of the rows, so not in their artifact.
        return { ...found, warnings: [...found.warnings, ...excluded, ...adapterNotes(input.config, decoder)] };
      }
      const found = await scan(input).catch((error: Error) => {
        throw error instanceof InvalidDatasetError ? new InvalidDatasetError(ofTestRows(error.message)) : error;
      });
      return { ...found, warnings: testWarnings(found) };
    },
  };
}

/** What an earlier run has found of the same dataset, or null. */
export async function findDataset(
  { openStore, models }: ComputeDependencies,
  config: Config,
): Promise<ScanResult | null> {
  const dataset = await localDataset(openStore, config.dataset, null);
  const determinants = await determine(config, models, dataset, await labelledBy(openStore, config, dataset));
  const found = await findOutput<RowsDetails>(openStore(config.store.uri), outputPlace('dataset', determinants));
  return found === null ? null : resultOf(found);
}

function resultOf({ reference, details, cached }: StageOutput<RowsDetails>): ScanResult {
  return { ...details, rows: reference, cached };
}

/** Whose rows decide over the labels: rows to score are clustered as those that are chosen from. */
async function labelledBy(
  openStore: ComputeDependencies['openStore'],
  config: Config,
  dataset: LocalDataset,
): Promise<LocalDataset> {
  return config.dataset.taskRules === 'cluster' ? localDataset(openStore, config.dataset, null) : dataset;
}

async function determine(
  config: Config,
  models: ModelHost,
  dataset: LocalDataset,
  labelled: LocalDataset,
): Promise<object> {
  const { processor } = await models.describe(config.model);
  const settings = settingsOf('dataset', { ...config, dataset });
  return {
    ...settings,
    dataset: {
      ...settings.dataset,
      labelledBy: dataset.taskRules === 'cluster' ? await datasetFingerprint(labelled) : null,
    },
    forms: dataset.sources.map(({ form }) => form),
    prompt: await promptFingerprint(config.model.path),
    // Prompts of the second kind have what a template writes beside a picture.
    ...(processor === null ? {} : { processor: processor.version, prompts: 2 }),
    source: await datasetFingerprint(dataset),
  };
}

/** What is read, and for whom. */
interface ScanWork {
  config: Config;
  models: ModelHost;
  dataset: LocalDataset;
  /** The dataset whose rows decide over the labels. */
  labelled: LocalDataset;
  memory: MemoryFacts;
  stage: Stage;
  pulse: Pulse;
}

async function writeRows(store: Store, place: OutputPlace, work: ScanWork): Promise<WrittenOutput<RowsDetails>> {
  const { config, models, dataset, labelled, memory, pulse } = work;
  const tokenBudget = tokenBudgetFor(memory, config);
  const largest = new LargestBatch();
  const tally = new RowTally();
  const setAside = new PassThrough();
  const quarantine = writeFile(store, place, QUARANTINE_FILE, setAside);
  // Its own failure is met where it is awaited below.
  quarantine.catch(() => undefined);
  try {
    const { label, notes } = await keepBeating(pulse, labellingOf(labelled));
    const encoder = await encoderOf(config, models);
    const batches = rowBatches(work, { dataset, label, encoder }, { tokenBudget, largest }, tally, setAside);
    const file = await rowsTable.write(store, place.folder, batches);
    setAside.end();
    const { extensionDiffersCount, unreadKeys, ...counts } = tally.result();
    const warnings = [
      ...datasetWarnings(counts, { extensionDiffersCount, unreadKeys }, dataset),
      ...notes,
      ...encoder.notes(),
      ...budgetNotes(config, tokenBudget),
    ];
    // What the recipe says is in the address; what was picked is in the artifact.
    const picked = config.gradients.tokenBudget === 'auto' ? { tokenBudget, ...largest.details() } : {};
    return { files: [file, await quarantine], details: { ...counts, ...picked, warnings } };
  } catch (error) {
    setAside.destroy(error as Error);
    throw error;
  }
}

/**
 * Reads, plans and counts the rows; lines of those set aside go to `setAside`. Throws at the end where too many are
 * bad.
 */
async function* rowBatches(
  { config, memory, stage, pulse }: ScanWork,
  scan: ScanOptions,
  { tokenBudget, largest }: { tokenBudget: number; largest: LargestBatch },
  tally: RowTally,
  setAside: PassThrough,
): AsyncGenerator<RowsBatch> {
  let batch: PlannedRow[] = [];
  let rowCount = 0;
  for await (const window of planRows(scanDataset(scan), { ...config.gradients, tokenBudget })) {
    for (const row of window) {
      tally.add(row);
      const line = setAsideLine(row);
      if (line !== null && !setAside.write(line)) await once(setAside, 'drain');
      batch.push(row);
    }
    largest.add(window);
    rowCount += window.length;
    countRows(stage, window.length);
    await pulse.committed(rowCount, 0);
    if (batch.length < BATCH_ROWS) continue;
    yield toRowsBatch(batch);
    batch = [];
  }
  const total = tally.result();
  const quarantined = new Map(total.quarantined.map(({ reason, count }) => [reason, count]));
  requireUsable({ ...total, quarantined }, scan.dataset);
  requireKnownTasks(total, scan.dataset);
  const worst = largest.found;
  if (worst !== null) requireBatch(memory, worst);
  if (batch.length > 0) yield toRowsBatch(batch);
}
