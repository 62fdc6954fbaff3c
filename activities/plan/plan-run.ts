import { allocateBudget, requestedRows } from '../../algorithms/allocation.ts';
import { createRandom } from '../../algorithms/random-stream.ts';
import type { Config } from '../../contracts/config.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { ValuesResult } from '../../contracts/messages/values.ts';
import type { Reason } from '../../contracts/reasons.ts';
import type { PlannedStage, Probe, RunPlan } from '../../contracts/plan.ts';
import { requireUsable } from '../../dataset/rows/dataset-checks.ts';
import type { RowPlace } from '../../contracts/row-place.ts';
import { parseRow } from '../../dataset/rows/parse-row.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { rowsOf } from '../../dataset/rows/row-source.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { gradientLayout, initialAdapter } from '../../model/adapter.ts';
import { readModelConfig } from '../../model/model-config.ts';
import type { Architecture } from '../../model/model-config.ts';
import { modelMemory } from '../../model/model-memory.ts';
import { weightShapes } from '../../model/weight-shapes.ts';
import { encoderOf } from '../shared/compute-context.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import { findDataset } from '../dataset/stage.ts';
import { requireKnownTasks } from '../dataset/warnings.ts';
import { findGradients, tableBytes } from '../gradients/plan.ts';
import { localDataset } from '../shared/local-dataset.ts';
import { checkModel } from '../shared/model-checks.ts';
import { probeRows } from './probe-rows.ts';
import { findValues } from '../values/stage.ts';
import { findReference } from '../training/warmup.ts';

/** Rows that stand for all where no run has read them yet. */
const SAMPLED_ROWS = 1000;

/** What is known or estimated of the rows. */
interface PlannedRows extends Pick<RunPlan, 'rowCount' | 'usableCount' | 'tokenCount' | 'imageRowCount' | 'isCounted'> {
  sampleCount: number;
  /** What a person should know of the prompts. */
  notes: readonly string[];
  sampledReasons: Record<string, number>;
  /** Rows that can be used as far as their texts tell, for the probe. */
  places: RowPlace[];
}

/**
 * What a run of the config would do in each stage and what that takes; nothing is started and nothing is written to the
 * store. Rows are counted; what they hold comes from an earlier run, or from a sample. Times come from a probe.
 *
 * @throws InvalidConfigError, InvalidDatasetError as the run would
 */
export async function planRun(
  config: Config,
  { openStore, models }: ComputeDependencies,
  withProbe: boolean,
): Promise<RunPlan> {
  await checkModel(config);
  const architecture = await readModelConfig(config.model.path);
  const store = openStore(config.store.uri);
  const dataset = await localDataset(openStore, config.dataset, null);
  const scanned = await findDataset(openStore, config);
  if (scanned !== null) requireKnownTasks(scanned, config.dataset);
  const sample = await sampleRows(config, dataset);
  const rows: PlannedRows =
    scanned === null ? sample : { ...sample, ...countedRows(scanned, sample), sampledReasons: {}, isCounted: true };
  const problem = scanned === null ? problemOf(sample, dataset) : null;
  if (problem !== null && sample.sampleCount === sample.rowCount) throw problem;
  const reference = scanned && (await findReference(store, { config, rows: scanned.rows }, models));
  const input = scanned && reference && { config, rows: scanned.rows, adapter: reference.adapter };
  const gradients = input && (await findGradients(store, input, models));
  const values = input && gradients && (await findValues(store, { ...input, gradients: [gradients.gradients] }));
  const probe = withProbe ? await probeRows(config, { openStore, models }, dataset, rows.places) : null;
  const { parameterCount, weightBytes, hostBytes } = modelMemory(weightShapes(architecture), false);
  const cached = { dataset: scanned, warmup: reference, gradients, values };
  const stages = planStages(config, architecture, rows, probe, (stage) => cached[stage] !== null);
  const freeBytes = await store.freeBytes();
  const { isCounted, rowCount, usableCount, tokenCount, imageRowCount, sampledReasons } = rows;
  return {
    ...{ isCounted, rowCount, usableCount, tokenCount, imageRowCount, sampledReasons },
    stages,
    memory: { parameterCount, weightBytes, hostBytes, freeBytes },
    probe,
    quotas: values === null ? null : quotasOf(config, values, rows.rowCount),
    warnings: [
      ...warningsOf(stages, freeBytes, (await models.engine(config.model)).fallbackReason),
      ...sample.notes,
      ...(problem === null ? [] : [`of ${sample.sampleCount} rows: ${problem.message}`]),
    ],
  };
}

function countedRows({ rowCount, usableCount, tokenCount }: ScanResult, sample: PlannedRows) {
  const imageRowCount = Math.round((sample.imageRowCount / Math.max(1, sample.usableCount)) * usableCount);
  return { rowCount, usableCount, tokenCount, imageRowCount };
}

/** Counts all rows, parses a sample of them (reservoir sampling), and concludes from it. */
async function sampleRows(config: Config, dataset: LocalDataset): Promise<PlannedRows> {
  const random = createRandom('plan-sample', 0);
  const sample: { place: RowPlace; bytes: Uint8Array | null }[] = [];
  let rowCount = 0;
  for (const [sourceIndex, source] of dataset.sources.entries()) {
    for await (const { bytes, byteStart, byteEnd } of rowsOf(source)) {
      if (dataset.maxRows !== null && rowCount >= dataset.maxRows) break;
      const slot = rowCount < SAMPLED_ROWS ? rowCount : Math.floor(random.uniform() * (rowCount + 1));
      if (slot < SAMPLED_ROWS)
        sample[slot] = {
          place: { rowIndex: rowCount, sourceIndex, byteStart, byteEnd, contentHash: null },
          bytes: bytes && bytes.slice(),
        };
      rowCount += 1;
    }
  }
  const encoder = await encoderOf(config);
  const found = { places: [] as RowPlace[], tokenCount: 0, imageRowCount: 0 };
  const sampledReasons: Record<string, number> = {};
  for (const { place, bytes } of sample) {
    const row = parseRow(bytes, { ...dataset, form: dataset.sources[place.sourceIndex]!.form });
    const prompt = isRejection(row) ? row : encoder.encode(row.promptTurns, row.images.length);
    if (isRejection(row) || isRejection(prompt)) {
      const { reason } = prompt as { reason: string };
      sampledReasons[reason] = (sampledReasons[reason] ?? 0) + 1;
      continue;
    }
    found.places.push(place);
    found.tokenCount += prompt.ids.length;
    if (row.images.length > 0) found.imageRowCount += 1;
  }
  const scale = rowCount / Math.max(1, sample.length);
  return {
    rowCount,
    usableCount: Math.round(found.places.length * scale),
    tokenCount: Math.round(found.tokenCount * scale),
    imageRowCount: Math.round(found.imageRowCount * scale),
    isCounted: false,
    sampleCount: sample.length,
    notes: encoder.notes,
    sampledReasons,
    places: found.places,
  };
}

/** What a run would refuse in the sampled rows by their texts alone, or null. */
function problemOf({ sampleCount, sampledReasons, places }: PlannedRows, dataset: LocalDataset): Error | null {
  const quarantined = new Map(Object.entries(sampledReasons) as [Reason, number][]);
  try {
    requireUsable({ rowCount: sampleCount, usableCount: places.length, quarantined }, dataset);
    return null;
  } catch (error) {
    return error as Error;
  }
}

function planStages(
  config: Config,
  { text }: Architecture,
  { rowCount, usableCount, tokenCount, imageRowCount }: PlannedRows,
  probe: Probe | null,
  isCached: (stage: 'dataset' | 'warmup' | 'gradients' | 'values') => boolean,
): PlannedStage[] {
  const { warmup, gradients, allocation, finetune, evaluation, model } = config;
  const { loraRank: rank, loraAlpha: alpha, loraTarget: targets } = warmup;
  const { parameters } = initialAdapter(text, { rank, alpha, targets }, () => 0.5);
  const adapterBytes = 4 * parameters.reduce((sum, { values }) => sum + values.length, 0);
  const layout = gradientLayout({ settings: { rank, alpha, targets }, parameters, scales: new Map() });
  const tokensOfRow = tokenCount / Math.max(1, usableCount);
  const imagesOfRow = imageRowCount / Math.max(1, usableCount);
  /** Forward and backward pass of so many rows, each picture encoded once. */
  const secondsFor = (rows: number, epochs: number): number | null =>
    probe && rows * (epochs * tokensOfRow * probe.secondsPerToken + imagesOfRow * probe.secondsPerImage);
  const training = (rows: number, { epochs, batchSize }: { epochs: number; batchSize: number }) => ({
    rowCount: rows,
    partCount: epochs * Math.ceil(rows / batchSize),
    unit: 'steps',
    diskBytes: adapterBytes,
    seconds: secondsFor(rows, epochs),
  });
  const budget = Math.round(requestedRows(allocation, usableCount, rowCount));
  const methodCount = 1 + (evaluation.path === null ? 0 : evaluation.compare.length);
  const nothing = { isCached: false, rowCount: null, partCount: null, unit: '', diskBytes: null, seconds: null };
  const tuned = training(budget, finetune);
  const stages: PlannedStage[] = [
    { ...nothing, stage: 'dataset', isCached: isCached('dataset'), rowCount },
    model.adapter === null
      ? {
          stage: 'warmup',
          isCached: isCached('warmup'),
          ...training(Math.max(1, Math.round(warmup.fraction * usableCount)), warmup),
        }
      : { ...nothing, stage: 'warmup', isCached: isCached('warmup') },
    {
      stage: 'gradients',
      isCached: isCached('gradients'),
      rowCount: usableCount,
      partCount: Math.ceil(usableCount / gradients.shardRows),
      unit: 'shards',
      diskBytes: tableBytes(config, layout.length, usableCount),
      seconds: secondsFor(usableCount, 1),
    },
    { ...nothing, stage: 'values', isCached: isCached('values'), rowCount: usableCount },
    { ...nothing, stage: 'allocation', rowCount: budget },
    { ...nothing, stage: 'selection', rowCount: budget, partCount: methodCount, unit: 'methods' },
  ];
  if (finetune.enabled) {
    stages.push({
      ...{
        stage: 'finetune',
        isCached: false,
        rowCount: budget,
        partCount: methodCount * tuned.partCount,
        unit: 'steps',
      },
      diskBytes: methodCount * adapterBytes,
      seconds: tuned.seconds && methodCount * tuned.seconds,
    });
    if (evaluation.path !== null)
      stages.push({ ...nothing, stage: 'evaluation', partCount: methodCount + 1, unit: 'models' });
  }
  return [...stages, { ...nothing, stage: 'report' }];
}

function quotasOf({ allocation }: Config, { tasks }: ValuesResult, rowCount: number): RunPlan['quotas'] {
  return allocateBudget(tasks, allocation, rowCount).tasks;
}

function warningsOf(stages: readonly PlannedStage[], freeBytes: number | null, fallback: string | null): string[] {
  const needed = stages.reduce((sum, { isCached, diskBytes }) => sum + (isCached ? 0 : (diskBytes ?? 0)), 0);
  const size = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  return [
    ...(fallback === null ? [] : [fallback]),
    ...(freeBytes !== null && needed > freeBytes
      ? [
          `store: ${size(needed)} must be free, got ${size(freeBytes)}; free space, or lower gradients.sketch, or storage: int8`,
        ]
      : []),
  ];
}
