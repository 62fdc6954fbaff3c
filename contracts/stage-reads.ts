// Which recipe keys each stage's address covers, and why the others are in none: a key of the config that is not said
// here does not compile.
import type { Config } from './config.ts';
import type { Stage } from './stages.ts';

/** A key of the config: `warmup.epochs`. */
export type ConfigPath = {
  [Section in keyof Config]: `${Section}.${keyof Config[Section] & string}`;
}[keyof Config];

/** One part of an address: a bare value, values under their own keys, or under other ones. */
export type ReadGroup = ConfigPath | readonly ConfigPath[] | { readonly [name: string]: ConfigPath };

const PROMPT = ['model.template', 'model.imageAspect', 'gradients.cutoffLen'] as const;
const TRAINING = { prompt: [...PROMPT, 'gradients.tokenBudget'], seed: 'run.seed' } as const;
const ADAPTER = [
  'warmup.loraRank',
  'warmup.loraAlpha',
  'warmup.loraTarget',
  'warmup.schedule',
  'warmup.warmupFraction',
] as const;

/**
 * What a stage reads of the recipe, in the layout of its address: names and nesting are part of the hash, so a change
 * here makes all earlier artifacts of the stage unknown. Test rows are a dataset, with the settings of `evaluation`.
 */
export const STAGE_READS = {
  dataset: {
    dataset: [
      'dataset.format',
      'dataset.columns',
      'dataset.taskField',
      'dataset.taskRules',
      'dataset.maxImages',
      'dataset.maxRows',
      'dataset.maxQuarantinedFraction',
    ],
    plan: ['gradients.cutoffLen', 'gradients.tokenBudget', 'gradients.shardRows'],
    template: 'model.template',
  },
  /** The rows of a changed dataset that have no gradient yet. */
  newRows: { plan: ['gradients.tokenBudget', 'gradients.shardRows'] },
  warmup: {
    warmup: [
      'warmup.fraction',
      'warmup.balance',
      'warmup.epochs',
      'warmup.batchSize',
      'warmup.learningRate',
      ...ADAPTER,
      'warmup.trajectory',
    ],
    ...TRAINING,
    preconditioner: 'gradients.preconditioner',
  },
  gradients: {
    projection: {
      kind: 'gradients.projection',
      sketch: 'gradients.sketch',
      seed: 'gradients.projectionSeed',
      storage: 'gradients.storage',
    },
    prompt: PROMPT,
    trajectory: 'warmup.trajectory',
    preconditioner: 'gradients.preconditioner',
  },
  values: {
    values: ['values.taskValue', 'values.instanceValue', 'values.selfTerm'],
    excludeTasks: 'dataset.excludeTasks',
    seed: 'run.seed',
  },
  /** Of a method that does not read a setting the address says null: `methodSettings`. */
  selection: {
    method: 'selection.method',
    lambda: 'selection.lambda',
    replacement: 'selection.replacement',
    ranks: 'selection.ranks',
    essTarget: 'selection.essTarget',
    seed: 'run.seed',
  },
  finetune: {
    finetune: ['finetune.enabled', 'finetune.epochs', 'finetune.batchSize', 'finetune.learningRate', ...ADAPTER],
    ...TRAINING,
  },
  evaluation: { prompt: PROMPT },
} as const satisfies Partial<Record<Stage | 'newRows', Record<string, ReadGroup>>>;

const FILES = 'hashes of the files, or their names, sizes and times';
const OF_METHOD = 'what the method reads of gradients, in the address of the selection';
const FILTERED = 'the rows that were left out, in the address of the selection';
const GENERATED = 'how answers are generated and scored, in the address of an evaluation that generates them';
const QUOTAS = 'the budget and the quotas, in the address of the selection';

/** Keys that stand in addresses by what they lead to, and what that is. */
export const COVERED_BY_CONTENT = {
  'model.path': FILES,
  'model.adapter': FILES,
  'model.engine': 'the engine that was found and its version',
  'model.dtype': 'what the engine computes in, with its version',
  'dataset.path': FILES,
  'dataset.imageFolder': FILES,
  'dataset.excludeRows': 'a hash of the file, in the address of the values',
  'allocation.budgetFraction': QUOTAS,
  'allocation.budgetRows': QUOTAS,
  'allocation.budgetBase': QUOTAS,
  'allocation.weighting': QUOTAS,
  'allocation.alpha': QUOTAS,
  'allocation.overflow': QUOTAS,
  'allocation.rounding': QUOTAS,
  'allocation.augment': 'that copies are changed, in the address of the selection',
  'selection.rounds': 'the rows and the adapter of each round, in the address of what follows',
  'selection.queries': OF_METHOD,
  'selection.queryPath': OF_METHOD,
  'selection.queryCheckpoints': OF_METHOD,
  'selection.queryRows': OF_METHOD,
  'selection.queryRank': OF_METHOD,
  'selection.clusterCount': OF_METHOD,
  'selection.filters': FILTERED,
  'selection.nearDuplicateCosine': FILTERED,
  'selection.nearDuplicateWeight': OF_METHOD,
  'selection.lossGuard': FILTERED,
  'selection.lossCut': FILTERED,
  'evaluation.path': FILES,
  'evaluation.imageFolder': FILES,
  'evaluation.maxRows': 'the rows of the test set, whose max_rows it is',
  'evaluation.generate': GENERATED,
  'evaluation.answerTokens': GENERATED,
  'evaluation.scorers': `hashes of the executables; ${GENERATED}`,
  'evaluation.compare': 'the method, in the address of each selection',
  'reselect.maxNewFraction': 'the reference model that was kept, in the address of the gradients',
} as const satisfies { readonly [Path in ConfigPath]?: string };

const RUNS = 'which runs a benchmark makes, each with a recipe of its own';

/** Keys that change no result, and why not. */
export const WITHOUT_EFFECT_ON_RESULTS = {
  'run.name': 'names the run’s folder and workflow',
  'run.outputDir': 'a place',
  'store.uri': 'a place',
  'allocation.approval': 'who goes on, and when',
  'report.thumbnails': 'what the page shows',
  'report.examplesPerTask': 'what the page shows',
  'report.sendTo': 'where the result goes when it is there',
  'benchmark.methods': RUNS,
  'benchmark.budgets': RUNS,
  'benchmark.seeds': RUNS,
  'benchmark.reference': RUNS,
  'benchmark.lengths': RUNS,
  'benchmark.full': RUNS,
  'benchmark.lds': RUNS,
} as const satisfies { readonly [Path in ConfigPath]?: string };

export type StageReads = typeof STAGE_READS;
/** The keys of a group. */
type PathsOf<Group> = Group extends ConfigPath ? Group : Group[keyof Group] & ConfigPath;
type GroupOf<Reads> = Reads extends unknown ? Reads[keyof Reads] : never;
type SaidPath =
  | PathsOf<GroupOf<StageReads[keyof StageReads]>>
  | keyof typeof COVERED_BY_CONTENT
  | keyof typeof WITHOUT_EFFECT_ON_RESULTS;

/** A key of the config that none of the tables names is a compile error here, which shows it. */
export const UNSAID: Record<Exclude<ConfigPath, SaidPath>, never> = {};
