// The methods of selection, said once: types, recipe, addresses, report, help and documents are made from this table.

/** What a task's share of the budget is proportional to: its value, nothing, its rows. */
export type Weighting = 'value' | 'equal' | 'size';

/** How the budget is shared out over the tasks: quotas by a weighting, by rows^alpha, or none. */
export type Quotas = Weighting | 'tempered' | 'pooled';

/**
 * What a method says of its quotas: `value` follows the recipe's `allocation.weighting`; `score` pools all tasks, and
 * shares equally or by size where the weighting says so.
 */
export type QuotaRule = Quotas | 'score';

/** Which end of a ranking is taken, or the ranks around its median. */
export const RANKS = ['top', 'mid', 'bottom'] as const;
export type Ranks = (typeof RANKS)[number];

/** Settings of `selection` that a method may read. */
export interface SelectionSettings {
  /** Sharpness: probability ∝ exp(lambda · value) within the task. */
  lambda: number;
  /** Whether a row may be drawn more than once. */
  replacement: boolean;
  /**
   * ESS/n that each task's own λ in [0, 1000] is found for, in place of `lambda`; null or not there (in a result of an
   * earlier version): `lambda`.
   */
  essTarget?: number | null;
  /** What is taken of rows that are ranked by a score, largest first. */
  ranks: Ranks;
}

export type SelectionSetting = keyof SelectionSettings;

/** Numbers of rows for each group of queries. */
export interface QueryColumn {
  groupCount: number;
  /** [example, group]. */
  values: Float32Array;
}

/** Columns that a method may read, `[example]`, or `[example, group]` of queries. */
export interface MethodColumns {
  /** s, of the configured kind. */
  instance_value: Float64Array;
  /** r, norm of the full gradient. */
  gradient_norm: Float64Array;
  /** L, mean loss of the answer's tokens. */
  loss: Float64Array;
  /** |M|, tokens of the answers. */
  supervised_token_count: Uint32Array;
  /** Mean over the answers' tokens of ‖softmax − one-hot‖. */
  el2n: Float64Array;
  /** Number of the row's cluster within its task, by its gradient's direction. */
  cluster: Uint32Array;
  /** The same by its losses at the checkpoints of the warm-up. */
  trajectory_cluster: Uint32Array;
  /** Mean cosine of the row's gradient with those of a group's queries. */
  affinity: QueryColumn;
  /** Cosine with a group's mean query within the subspace of all queries. */
  subspace_affinity: QueryColumn;
}

export type MethodColumn = keyof MethodColumns;

/** What may be left out before rows are drawn, in the order in which it is: of what one leaves, the next leaves out. */
export const FILTERS = {
  loss_guard: {
    summary:
      'in tasks with a larger share than loss_guard of losses worse than half of chance, the rows that have them',
  },
  loss_cut: { summary: 'the highest losses of every task, as large a share as loss_cut says' },
  near_duplicates: {
    summary: 'rows whose gradient has a cosine of at least near_duplicate_cosine with that of a kept row of the task',
  },
} as const satisfies Record<string, { summary: string }>;

export type FilterName = keyof typeof FILTERS;

export const FILTER_NAMES = Object.keys(FILTERS) as readonly FilterName[];

export const QUERY_SOURCES = ['held_out', 'evaluation'] as const;
export type QuerySource = (typeof QUERY_SOURCES)[number];

/** Where gradients of rows and queries are compared: at the reference model, or at every checkpoint of the warm-up. */
export const QUERY_CHECKPOINTS = ['last', 'all'] as const;
export type QueryCheckpoints = (typeof QUERY_CHECKPOINTS)[number];

/** Settings of `selection` of methods that read gradients; not there in a result of an earlier version. */
export interface GradientSettings {
  /** Whose gradients are the queries: rows of each task that are held out, or the test rows. */
  queries?: QuerySource;
  /** A file of rows in the dataset's form that are the queries in place of these, or null. */
  queryPath?: string | null;
  /** Of `less`: at which checkpoints rows and queries are compared. */
  queryCheckpoints?: QueryCheckpoints;
  /** Rows of each task that are held out as queries. */
  queryRows?: number;
  /** Most dimensions of the queries' subspace. */
  queryRank?: number;
  /** Clusters of each task. */
  clusterCount?: number;
}

/** Settings of `selection` that filters read; not there in a result of an earlier version. */
export interface FilterSettings {
  /** What is left out, whatever the method. */
  filters?: FilterName[];
  /** Least cosine of two rows that count as one, in (0, 1]. */
  nearDuplicateCosine?: number;
  /**
   * Least cosine of two rows that count as near-duplicates, in (0, 1], for methods that draw at random: a row weighs
   * one over their number, itself included. Null or not there: all weigh alike.
   */
  nearDuplicateWeight?: number | null;
  /** Share of bad losses, in [0, 1], above which a task's bad losses are left out. */
  lossGuard?: number;
  /** Share of the highest losses, in [0, 1), that is left out. */
  lossCut?: number;
}

/** What is known of a method. */
interface MethodTraits {
  quotas: QuotaRule;
  /** How rows are drawn within a task, or the pool. */
  within: string;
  columns: readonly MethodColumn[];
  /** All that its selector receives, and its selection's address covers. */
  settings: readonly SelectionSetting[];
  /** Least checkpoints of the warm-up whose losses it reads, `warmup.trajectory`; not there: none. */
  leastTrajectory?: number;
  /** What it leaves out, whatever the recipe says. */
  filters?: readonly FilterName[];
  /** A noun phrase, to stand after "a" or alone. */
  label: string;
  /** One line for help and documents. */
  summary: string;
  /** A random choice that others are measured against, the larger the stronger; null: none. */
  baselineRank: number | null;
}

/** In the order in which they are listed. */
export const METHODS = {
  tive: {
    quotas: 'value',
    within: 'weighted sample, p ∝ e^(λs)',
    columns: ['instance_value'],
    settings: ['lambda', 'essTarget', 'replacement'],
    label: 'tive',
    summary: 'task values share the budget out, instance values weigh the rows of a task',
    baselineRank: null,
  },
  tive_task: {
    quotas: 'value',
    within: 'uniform sample',
    columns: [],
    settings: ['replacement'],
    label: 'tive by task values only',
    summary: 'task values share the budget out, rows are drawn evenly',
    baselineRank: null,
  },
  tive_instance: {
    quotas: 'size',
    within: 'weighted sample, p ∝ e^(λs)',
    columns: ['instance_value'],
    settings: ['lambda', 'essTarget', 'replacement'],
    label: 'tive by instance values only',
    summary: 'tasks get shares by size, instance values weigh the rows of a task',
    baselineRank: null,
  },
  random: {
    quotas: 'pooled',
    within: 'uniform sample',
    columns: [],
    settings: ['replacement'],
    label: 'pooled random choice',
    summary: 'rows are drawn evenly from all tasks together',
    baselineRank: 1,
  },
  task_balanced: {
    quotas: 'equal',
    within: 'uniform sample',
    columns: [],
    settings: ['replacement'],
    label: 'task-balanced random choice',
    summary: 'every task gets as many rows, drawn evenly',
    baselineRank: 2,
  },
  size_tempered: {
    quotas: 'tempered',
    within: 'uniform sample',
    columns: [],
    settings: ['replacement'],
    label: 'random choice with tempered shares',
    summary: 'tasks get shares by rows^alpha, rows are drawn evenly',
    baselineRank: null,
  },
  length: {
    quotas: 'score',
    within: 'ranked by tokens of the answers, ties at random',
    columns: ['supervised_token_count'],
    settings: ['ranks'],
    label: 'choice by answer length',
    summary: 'the longest answers, or the middling or shortest ones',
    baselineRank: null,
  },
  loss: {
    quotas: 'score',
    within: 'ranked by loss, ties at random',
    columns: ['loss'],
    settings: ['ranks'],
    label: 'choice by loss',
    summary: 'the highest losses of the reference model, or the middling or lowest ones',
    baselineRank: null,
  },
  perplexity: {
    quotas: 'score',
    within: 'ranked by e^loss, ties at random',
    columns: ['loss'],
    settings: ['ranks'],
    label: 'choice by perplexity',
    summary: 'the highest perplexities: e^loss, so the ranks are those of the loss',
    baselineRank: null,
  },
  grand: {
    quotas: 'score',
    within: 'ranked by gradient norm, ties at random',
    columns: ['gradient_norm'],
    settings: ['ranks'],
    label: 'largest gradients first',
    summary: 'the largest gradient norms, or the middling or smallest ones',
    baselineRank: null,
  },
  el2n: {
    quotas: 'score',
    within: 'ranked by error of the predicted tokens, ties at random',
    columns: ['el2n'],
    settings: ['ranks'],
    label: 'largest prediction errors first',
    summary: 'the largest errors of the predicted tokens, or the middling or smallest ones',
    baselineRank: null,
  },
  less: {
    quotas: 'score',
    within: 'largest mean cosine with the queries of any group, ties at random',
    columns: ['affinity'],
    settings: [],
    label: 'gradients nearest to the queries',
    summary: 'the gradients that point most as those of the queries do, of the group they suit best',
    baselineRank: null,
  },
  icons: {
    quotas: 'score',
    within: 'most votes of the groups of queries, ties by their sum',
    columns: ['affinity'],
    settings: [],
    label: 'votes of the queries',
    summary: 'rows that most groups of queries count among the best, as many as are taken',
    baselineRank: null,
  },
  gist: {
    quotas: 'score',
    within: 'largest cosine with any group’s mean query in the subspace of the queries, ties at random',
    columns: ['subspace_affinity'],
    settings: [],
    label: 'gradients nearest to the queries, in their subspace',
    summary: 'as less, by the part of a gradient that lies in the subspace of the queries',
    baselineRank: null,
  },
  clusters: {
    quotas: 'equal',
    within: 'as many rows of every cluster of gradients, drawn evenly',
    columns: ['cluster'],
    settings: [],
    label: 'task-balanced choice over clusters of gradients',
    summary: 'every task gets as many rows, and within it every cluster of gradients',
    baselineRank: null,
  },
  trajectories: {
    quotas: 'equal',
    within: 'as many rows of every cluster of loss trajectories, drawn evenly',
    columns: ['trajectory_cluster'],
    settings: [],
    leastTrajectory: 2,
    label: 'task-balanced choice over clusters of loss trajectories',
    summary: 'as clusters, by the losses at several checkpoints of the warm-up',
    baselineRank: null,
  },
  deduplicated: {
    quotas: 'equal',
    within: 'uniform sample of the kept rows, then of the others',
    columns: [],
    settings: ['replacement'],
    filters: ['near_duplicates'],
    label: 'task-balanced choice without near-copies',
    summary: 'every task gets as many rows, drawn evenly from those that are no near-copies of another',
    baselineRank: null,
  },
  guarded: {
    quotas: 'equal',
    within: 'uniform sample of the kept rows, then of the others',
    columns: [],
    settings: ['replacement'],
    filters: ['loss_guard', 'near_duplicates'],
    label: 'guarded task-balanced choice',
    summary: 'as deduplicated, and without the worst losses of tasks that have many of them',
    baselineRank: null,
  },
} as const satisfies Record<string, MethodTraits>;

/** What `selection.method: auto` takes: the balanced choice without near-copies; nothing was better on both sets. */
export const AUTO_METHOD = 'deduplicated' satisfies keyof typeof METHODS;

type Methods = typeof METHODS;

/** Columns and settings that a method's entry declares. */
export type ColumnOf<Method extends keyof Methods> = Methods[Method]['columns'][number];
export type SettingOf<Method extends keyof Methods> = Methods[Method]['settings'][number];

export const METHOD_NAMES = Object.keys(METHODS) as readonly (keyof Methods)[];

export function readsSetting(method: keyof Methods, setting: SelectionSetting): boolean {
  const { settings }: MethodTraits = METHODS[method];
  return settings.includes(setting);
}

/** What a selection's address says of the settings: null for what its method does not read. */
export function methodSettings(
  method: keyof Methods,
  { lambda, replacement, essTarget, ranks }: SelectionSettings,
): { [Setting in SelectionSetting]: SelectionSettings[Setting] | null } {
  const target = readsSetting(method, 'essTarget') ? (essTarget ?? null) : null;
  return {
    lambda: readsSetting(method, 'lambda') && target === null ? lambda : null,
    essTarget: target,
    replacement: readsSetting(method, 'replacement') ? replacement : null,
    ranks: readsSetting(method, 'ranks') ? ranks : null,
  };
}

/** The quotas of a method where the recipe sets a weighting. */
export function quotasOf(method: keyof Methods, weighting: Weighting): Quotas {
  const { quotas }: MethodTraits = METHODS[method];
  if (quotas === 'score') return weighting === 'value' ? 'pooled' : weighting;
  return quotas === 'value' ? weighting : quotas;
}

/** What is left out before a method draws: its own filters and the recipe's, in the order of {@link FILTERS}. */
export function filtersOf(method: keyof Methods, { filters = [] }: FilterSettings): FilterName[] {
  const { filters: own = [] }: MethodTraits = METHODS[method];
  return FILTER_NAMES.filter((name) => own.includes(name) || filters.includes(name));
}

/** Least cosine of near-duplicates that share one row's weight; null where all weigh alike, or the method ranks. */
export function weightCosine(
  method: keyof Methods,
  { nearDuplicateWeight = null }: Pick<FilterSettings, 'nearDuplicateWeight'>,
): number | null {
  return METHODS[method].quotas === 'score' ? null : nearDuplicateWeight;
}

/** Whether a method reads the table of gradients, not only what the values stage has made of it. */
export function readsGradients(method: keyof Methods): boolean {
  return readsQueries(method) || readsColumn(method, 'cluster') || readsColumn(method, 'trajectory_cluster');
}

/** Least checkpoints of the warm-up at which a method needs every row's loss; 0: none. */
export function leastTrajectory(method: keyof Methods): number {
  const traits: MethodTraits = METHODS[method];
  return traits.leastTrajectory ?? 0;
}

/** Whether a method reads the gradients of queries. */
export function readsQueries(method: keyof Methods): boolean {
  return readsColumn(method, 'affinity') || readsColumn(method, 'subspace_affinity');
}

export function readsColumn(method: keyof Methods, column: MethodColumn): boolean {
  const { columns }: MethodTraits = METHODS[method];
  return columns.includes(column);
}

/** Whether a method is a random choice, that is a baseline. */
export function isRandomChoice(method: keyof Methods): boolean {
  return METHODS[method].baselineRank !== null;
}

/** The strongest random choice among methods, or null. */
export function strongestBaseline(methods: readonly (keyof Methods | null)[]): keyof Methods | null {
  const rank = (method: keyof Methods): number => METHODS[method].baselineRank ?? 0;
  const baselines = methods.filter((method) => method !== null).filter((method) => rank(method) > 0);
  return baselines.sort((left, right) => rank(right) - rank(left))[0] ?? null;
}
