// What a run would do, and what that takes.
import { changesCopies } from '../../contracts/augmentation.ts';
import type { Config } from '../../contracts/config.ts';
import type { AdapterResult } from '../../contracts/messages/training.ts';
import type { ValuesResult } from '../../contracts/messages/values.ts';
import type { PlannedStage, RunPlan } from '../../contracts/plan.ts';
import type { Stage } from '../../contracts/stages.ts';
import { addsCheckpoints, queryDataset } from '../../contracts/queries.ts';
import { workOf } from '../../contracts/work.ts';
import type { Work } from '../../contracts/work.ts';
import { rowsOf } from '../../dataset/rows/row-source.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { largestBatch } from '../../model/memory/pick-memory.ts';
import type { MicroBatchSize } from '../../model/memory/memory-question.ts';
import { checkRun, findingText } from '../../report/checks.ts';
import type { CheckedRun, CheckedTraining } from '../../report/checks.ts';
import { findDataset } from '../dataset/stage.ts';
import { requireKnownTasks } from '../dataset/warnings.ts';
import { findGradients } from '../gradients/table-place.ts';
import { allocateMethod } from '../selection/allocation.ts';
import { evaluationDataset } from '../shared/compute-context.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import { planExcluded } from '../shared/excluded-rows.ts';
import { localDataset } from '../shared/local-dataset.ts';
import { budgetNotes, memoryFacts, requireBatch, tokenBudgetFor, workMemory, worksOf } from '../shared/memory-plan.ts';
import type { MemoryFacts } from '../shared/memory-plan.ts';
import { adapterNotes, checkModel } from '../shared/model-checks.ts';
import { findReference } from '../training/warmup.ts';
import { findValues } from '../values/stage.ts';
import { planStages, totalSeconds } from './plan-stages.ts';
import type { PlanFacts } from './plan-stages.ts';
import { probeRows } from './probe-rows.ts';
import { countedRows, problemOf, sampleRows } from './sample-rows.ts';

/**
 * What a run of the config would do in each stage and what that takes; nothing is started and nothing is written to the
 * store. Rows are counted; what they hold comes from an earlier run, or from a sample. Times come from a probe.
 *
 * @param until last stage of the run
 * @throws InvalidConfigError, InvalidDatasetError as the run would
 */
export async function planRun(
  config: Config,
  { openStore, models }: ComputeDependencies,
  withProbe: boolean,
  until: Stage,
  processCount = 1,
): Promise<RunPlan> {
  await checkModel(config, models);
  const { decoder } = await models.describe(config.model);
  const store = openStore(config.store.uri);
  const dataset = await localDataset(openStore, config.dataset, null);
  const scanned = await findDataset({ openStore, models }, config);
  if (scanned !== null) requireKnownTasks(scanned, config.dataset);
  const excluded = await planExcluded(openStore, config, scanned);
  const sample = await sampleRows(config, dataset, models);
  const rows = scanned === null ? sample : countedRows(scanned, sample);
  const problem = scanned === null ? problemOf(sample, dataset) : null;
  if (problem !== null && sample.isWhole) throw problem;
  const reference = scanned && (await findReference(store, { config, rows: scanned.rows }, models));
  const input = scanned && reference && { config, rows: scanned.rows, adapter: reference.adapter };
  const gradients = input && (await findGradients(store, input, models));
  const values =
    input && gradients && (await findValues(store, { ...input, gradients: [gradients.gradients] }, openStore));
  const { fallbackReason } = await models.engine(config.model);
  const facts = await memoryFacts(config, models, worksOf(config, 'dataset'), scanned === null ? dataset : null);
  const tokenBudget = scanned?.tokenBudget ?? tokenBudgetFor(facts, config);
  const batch = largestBatch(
    tokenBudget,
    Math.min(config.gradients.cutoffLen, sample.longestTokenCount),
    sample.density,
  );
  if (scanned === null) requireBatch(facts, batch);
  const probe = withProbe ? await probeRows(config, { openStore, models }, dataset, rows.places, tokenBudget) : null;
  const cached = { dataset: scanned, warmup: reference, gradients, values };
  const work = workOf(config, until);
  const stages = planStages({
    config,
    work,
    layers: decoder.layers,
    rows,
    testRowCount: work.evaluates
      ? await countRows(await localDataset(openStore, evaluationDataset(config), null))
      : null,
    queries: await findQueries({ openStore, models }, config, work, reference),
    probe,
    isCached: (stage) => cached[stage] !== null,
  });
  const freeBytes = await store.freeBytes();
  const quotas = values === null ? null : quotasOf(config, values, rows.rowCount);
  const { isCounted, rowCount, usableCount, tokenCount, imageRowCount, sampledReasons } = rows;
  return {
    isCounted,
    rowCount,
    usableCount,
    tokenCount,
    imageRowCount,
    sampledReasons,
    stages,
    memory: { ...memoryOf(facts, config, tokenBudget, batch), freeBytes },
    probe,
    quotas,
    ...(changesCopies(config.allocation) && { copies: copiesOf(quotas, stages) }),
    total: totalOf(stages, processCount, work),
    checks: checksOf(config, work, stages, { usableCount, taskCount: scanned?.tasks.length ?? null, quotas }),
    warnings: [
      ...warningsOf(stages, freeBytes, fallbackReason),
      ...sample.notes,
      ...adapterNotes(config, decoder),
      ...excluded,
      ...budgetNotes(config, tokenBudget),
      ...roundNotes(config),
      ...checkpointNotes(config, work),
      ...(problem === null ? [] : [`of ${sample.sampleCount} rows: ${problem.message}`]),
    ],
  };
}

function totalOf(stages: readonly PlannedStage[], processCount: number, { methods }: Work): RunPlan['total'] {
  const seconds = totalSeconds(stages, processCount, methods.length);
  const secondsOnOne = totalSeconds(stages, 1, methods.length);
  return seconds === null || secondsOnOne === null ? null : { processCount, seconds, secondsOnOne };
}

/** What a compute process needs, by kind of work. */
function memoryOf(
  facts: MemoryFacts,
  { gradients }: Config,
  tokenBudget: number,
  batch: MicroBatchSize,
): Omit<RunPlan['memory'], 'freeBytes'> {
  const { sizes, valueBytes } = facts.questions[0]!;
  const { parameterCount, layerCount } = sizes;
  const works = workMemory(facts, batch).map(({ work, count, totalBytes, recomputedLayerCount }) => ({
    work,
    totalBytes,
    bytes: { ...count },
    recomputedLayerCount,
    layerCount,
  }));
  const { rowCount, tokenCount } = batch;
  return {
    parameterCount,
    weightBytes: valueBytes * parameterCount,
    hostBytes: facts.memoryBytes,
    tokenBudget,
    isPicked: gradients.tokenBudget === 'auto',
    batch: { rowCount, tokenCount },
    works,
  };
}

function roundNotes({ selection: { rounds = 1 } }: Config): string[] {
  return rounds === 1 ? [] : ['selection.rounds: the rounds are counted with the gradients, as if none was done yet'];
}

function checkpointNotes({ selection }: Config, { methods }: Work): string[] {
  return methods.some((method) => addsCheckpoints(method, selection))
    ? ['selection.query_checkpoints: gradients at checkpoints are counted as if none was there yet']
    : [];
}

/** Rows outside the dataset whose gradients are queries, and whether these are there; null where there are none. */
async function findQueries(
  { openStore, models }: ComputeDependencies,
  config: Config,
  work: Work,
  reference: AdapterResult | null,
): Promise<PlanFacts['queries']> {
  const dataset = queryDataset(config, work);
  if (dataset === null) return null;
  const asked = { ...config, dataset };
  const scanned = await findDataset({ openStore, models }, asked);
  if (scanned === null)
    return { rowCount: await countRows(await localDataset(openStore, dataset, null)), isCached: false };
  const input = reference && { config: asked, rows: scanned.rows, adapter: reference.adapter };
  const found = input && (await findGradients(openStore(config.store.uri), input, models));
  return { rowCount: scanned.usableCount, isCached: found !== null };
}

/** Rows of a dataset, up to its limit. */
async function countRows({ sources, maxRows }: LocalDataset): Promise<number> {
  let count = 0;
  for (const source of sources) {
    const rows = rowsOf(source);
    while (count < (maxRows ?? Infinity) && (await rows.next()).done !== true) count += 1;
    await rows.return?.(undefined);
  }
  return count;
}

/** What the report's checks find before there is a run. */
function checksOf(
  config: Config,
  { methods }: Work,
  stages: readonly PlannedStage[],
  rows: Pick<CheckedRun, 'usableCount' | 'taskCount' | 'quotas'>,
): string[] {
  const trainingOf = (stage: Stage, count: number): CheckedTraining | null => {
    const steps = stages.find((one) => one.stage === stage)?.partCount ?? null;
    return steps === null ? null : { stepCount: steps / count, losses: null };
  };
  const warmup = trainingOf('warmup', 1);
  const finetune = trainingOf('finetune', methods.length);
  const budget = stages.find(({ stage }) => stage === 'allocation')?.rowCount ?? null;
  return checkRun({ config, ...rows, budget, warmup, finetune, evaluation: null }).map(findingText);
}

/** Copies that quotas above the rows of a task make of these; the whole budget where quotas are not known. */
function copiesOf(quotas: RunPlan['quotas'], stages: readonly PlannedStage[]): NonNullable<RunPlan['copies']> {
  if (quotas === null) {
    const budget = stages.find(({ stage }) => stage === 'allocation')?.rowCount ?? 0;
    return { mostCount: budget, taskCount: null };
  }
  const repeated = quotas.filter(({ quota, rows }) => quota > rows);
  const mostCount = repeated.reduce((sum, { quota, rows }) => sum + quota - rows, 0);
  return { mostCount, taskCount: repeated.length };
}

/** Of the selection's own method. */
function quotasOf(config: Config, { tasks }: ValuesResult, allRowCount: number): RunPlan['quotas'] {
  return allocateMethod({ config, method: config.selection.method, tasks, allRowCount }).tasks;
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
