// The methods of selection, said once: types, recipe, addresses, report, help and documents are made from this table.

/** What a task's share of the budget is proportional to: its value, nothing, its rows. */
export type Weighting = 'value' | 'equal' | 'size';

/** How the budget is shared out over the tasks: quotas by a weighting, or none. */
export type QuotaRule = Weighting | 'pooled';

/** Settings of `selection` that a method may read. */
export interface SelectionSettings {
  /** Sharpness: probability ∝ exp(lambda · value) within the task. */
  lambda: number;
  /** Whether a row may be drawn more than once. */
  replacement: boolean;
}

export type SelectionSetting = keyof SelectionSettings;

/** Columns that a method may read: the instance value of the configured kind, the norm of the full gradient. */
export type MethodColumn = 'instance_value' | 'gradient_norm';

/** What is known of a method. */
interface MethodTraits {
  /** `value` follows the recipe's `allocation.weighting`; `pooled` draws from all tasks together. */
  quotas: QuotaRule;
  /** How rows are drawn within a task, or the pool. */
  within: string;
  columns: readonly MethodColumn[];
  /** All that its selector receives, and its selection's address covers. */
  settings: readonly SelectionSetting[];
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
    settings: ['lambda', 'replacement'],
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
    settings: ['lambda', 'replacement'],
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
  grand: {
    quotas: 'pooled',
    within: 'largest gradient norms, ties at random',
    columns: ['gradient_norm'],
    settings: [],
    label: 'largest gradients first',
    summary: 'the largest gradient norms of all tasks together',
    baselineRank: null,
  },
} as const satisfies Record<string, MethodTraits>;

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
  { lambda, replacement }: SelectionSettings,
): { [Setting in SelectionSetting]: SelectionSettings[Setting] | null } {
  return {
    lambda: readsSetting(method, 'lambda') ? lambda : null,
    replacement: readsSetting(method, 'replacement') ? replacement : null,
  };
}

/** The quotas of a method where the recipe sets a weighting. */
export function quotasOf(method: keyof Methods, weighting: Weighting): QuotaRule {
  const { quotas } = METHODS[method];
  return quotas === 'value' ? weighting : quotas;
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
