// What a run's work needs of a process's memory, and what is picked of it before the work begins.
import type { Config } from '../../contracts/config.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { readAdapter } from '../../model/adapter-files.ts';
import { countMemory } from '../../model/memory/count-memory.ts';
import { cacheBytesOf, deviceMemory, processMemory } from '../../model/memory/machine-memory.ts';
import { totalBytes } from '../../model/memory/memory-question.ts';
import type { MemoryCount, MemoryQuestion, MemoryWork, MicroBatchSize } from '../../model/memory/memory-question.ts';
import { TOKEN_BUDGETS, largestBatch, pickRecomputedLayers, pickTokenBudget } from '../../model/memory/pick-memory.ts';
import type { VectorDensity } from '../../model/memory/tower-bytes.ts';
import { gigabytes } from '../../model/memory/weights-memory.ts';
import { trajectoryOf } from '../gradients/earlier-losses.ts';
import { isPreconditioned, projectionOf } from '../gradients/table-place.ts';
import type { ModelHost } from './model-host.ts';
import { firstDensity } from './vector-density.ts';

/** What a process has, and what is asked of it. */
export interface MemoryFacts {
  memoryBytes: number;
  /** One for each kind of work that the run does, of any micro-batch. */
  questions: MemoryQuestion[];
  /** Of rows with pictures, videos or sounds, as far as the token budget is picked; null: none, or not counted. */
  density: VectorDensity | null;
}

/** The memory of one kind of work. */
export interface WorkMemory {
  work: MemoryWork;
  count: MemoryCount;
  totalBytes: number;
  recomputedLayerCount: number;
}

/** The kinds of work that a config's rows are for; test rows are scored alone. */
export function worksOf({ model, finetune }: Config, source: 'dataset' | 'evaluation'): MemoryWork[] {
  if (source === 'evaluation') return ['scoring'];
  return model.adapter === null || finetune.enabled ? ['training', 'gradients'] : ['gradients'];
}

/**
 * Asks for the memory of this process, with the engine of the config.
 * @param dataset whose rows a token budget is to be picked for; null where it is there, or said
 */
export async function memoryFacts(
  config: Config,
  models: ModelHost,
  works: readonly MemoryWork[],
  dataset: LocalDataset | null = null,
): Promise<MemoryFacts> {
  const { description } = await models.engine(config.model);
  const { sizes, decoder } = await models.describe(config.model);
  const memoryBytes = (description.device === 'gpu' ? deviceMemory() : null) ?? processMemory();
  const { loraRank: rank, loraTarget: targets } = config.warmup;
  const tuned = { rank, targets };
  const trajectory = trajectoryOf(config);
  const given =
    config.model.adapter === null ? tuned : (await readAdapter(config.model.adapter, decoder.layers)).settings;
  const questions = works.map((work): MemoryQuestion => ({
    sizes,
    engine: description.engine,
    valueBytes: 'dtype' in description && description.dtype === 'bfloat16' ? 2 : 4,
    work,
    adapter: work === 'gradients' ? given : tuned,
    projection: projectionOf(config),
    ...(work === 'gradients' && isPreconditioned(config) ? { isPreconditioned: true } : {}),
    ...(trajectory > 1 && work !== 'scoring' ? { checkpointCount: trajectory - 1 } : {}),
    batch: largestBatch(1, 1),
    recomputedLayerCount: 0,
    cacheBytes: description.engine === 'torch' ? 0 : cacheBytesOf(memoryBytes),
  }));
  const isPicked = dataset !== null && config.gradients.tokenBudget === 'auto';
  return { memoryBytes, questions, density: isPicked ? await firstDensity(config, dataset, models) : null };
}

/** Padded tokens of a micro-batch: as the recipe says, or what there is memory for. */
export function tokenBudgetFor({ memoryBytes, questions, density }: MemoryFacts, { gradients }: Config): number {
  if (gradients.tokenBudget !== 'auto') return gradients.tokenBudget;
  return pickTokenBudget(questions, gradients.cutoffLen, memoryBytes, density);
}

/** The most padded tokens that a micro-batch may have, where nothing is computed. */
export function mostTokens({ gradients: { tokenBudget } }: Config): number {
  return tokenBudget === 'auto' ? TOKEN_BUDGETS[0] : tokenBudget;
}

/** What a person should know of a budget that was picked; it follows from the number alone. */
export function budgetNotes({ gradients }: Config, tokenBudget: number): string[] {
  const [most] = TOKEN_BUDGETS;
  if (gradients.tokenBudget !== 'auto' || tokenBudget >= most) return [];
  return [
    `gradients.token_budget: auto took ${tokenBudget.toLocaleString('en')} of ${most.toLocaleString('en')} padded tokens ` +
      'a micro-batch, what a compute process has memory for',
  ];
}

/** The memory of each kind of work with a micro-batch, with as many layers computed again as it takes. */
export function workMemory({ memoryBytes, questions }: MemoryFacts, batch: MicroBatchSize): WorkMemory[] {
  return questions.map((question) => {
    const asked = { ...question, batch };
    const recomputedLayerCount = pickRecomputedLayers(asked, memoryBytes);
    const count = countMemory({ ...asked, recomputedLayerCount });
    return { work: question.work, count, totalBytes: totalBytes(count), recomputedLayerCount };
  });
}

/** Whether layers must be computed again in backward passes so that the longest rows that are allowed fit. */
export async function needsRecomputation(config: Config, models: ModelHost): Promise<boolean> {
  const facts = await memoryFacts(config, models, ['training', 'gradients']);
  const batch = largestBatch(tokenBudgetFor(facts, config), config.gradients.cutoffLen);
  return workMemory(facts, batch).some(({ recomputedLayerCount }) => recomputedLayerCount > 0);
}

/**
 * What a person should know of layers that are computed twice on this machine: it takes time.
 * @param largest micro-batch of the rows, as their artifact says
 */
export function recomputationNotes(facts: MemoryFacts, largest: NonNullable<ScanResult['largestBatch']>): string[] {
  const { rowCount, tokenCount, clips } = largest;
  const { layerCount } = facts.questions[0]!.sizes;
  const vectors = clips && { pictures: 0, ...clips };
  const batch = { rowCount, tokenCount, supervisedCount: null, ...(vectors && { vectors }) };
  return workMemory(facts, batch)
    .filter(({ recomputedLayerCount }) => recomputedLayerCount > 0)
    .map(
      ({ work, recomputedLayerCount }) =>
        `${work}: all layers of the largest micro-batches, ${sizeText(batch)}, should fit in ` +
        `${gigabytes(facts.memoryBytes)} of memory a compute process, got ${layerCount - recomputedLayerCount} of ` +
        `${layerCount}; the others are computed twice`,
    );
}

function sizeText({ rowCount, tokenCount, vectors }: MicroBatchSize): string {
  const number = (count: number): string => count.toLocaleString('en');
  const towers = Object.entries(vectors ?? {})
    .filter(([, count]: [string, number]) => count > 0)
    .map(([kind, count]: [string, number]) => `, ${number(count)} vectors of ${kind}`);
  return `${number(rowCount)} ${rowCount === 1 ? 'row' : 'rows'} of ${number(tokenCount)} tokens${towers.join('')}`;
}

/** @throws InvalidConfigError where a micro-batch does not fit, with the numbers and what to do */
export function requireBatch(facts: MemoryFacts, batch: MicroBatchSize): void {
  const worst = workMemory(facts, batch).find((found) => found.totalBytes > facts.memoryBytes);
  if (worst === undefined) return;
  const smaller = batch.rowCount > 1 ? 'gradients.token_budget' : 'gradients.cutoff_len or warmup.lora_rank';
  throw new InvalidConfigError(
    `model: ${worst.work} must fit in ${gigabytes(facts.memoryBytes)} of memory a compute process, ` +
      `got ${gigabytes(worst.totalBytes)} for ${sizeText(batch)} (${countText(worst.count)}); ` +
      `lower ${smaller}, ${lessToShow(batch)}start fewer compute processes, or take a machine with more memory`,
  );
}

/** What of a micro-batch's rows might need less. */
function lessToShow({ rowCount, vectors }: MicroBatchSize): string {
  if (vectors === undefined) return '';
  if (vectors.videos + vectors.sounds > 0) return 'cut videos and sounds, ';
  return rowCount === 1 && vectors.pictures > 0 ? 'show fewer pictures a row, ' : '';
}

/** `weights 3.5 GB, activations 0.4 GB, …`: kinds of a hundred megabytes and more, largest first. */
export function countText(count: MemoryCount): string {
  return Object.entries(count)
    .filter(([, bytes]: [string, number]) => bytes >= 5e7)
    .sort(([, left]: [string, number], [, right]: [string, number]) => right - left)
    .map(([kind, bytes]: [string, number]) => `${kind} ${gigabytes(bytes)}`)
    .join(', ');
}
