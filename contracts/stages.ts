// The nine stages: names, summaries, versions.

/** The nine stages in order: the only names used for them in files, types, progress, command output and report. */
export const STAGES = [
  'dataset',
  'warmup',
  'gradients',
  'values',
  'allocation',
  'selection',
  'finetune',
  'evaluation',
  'report',
] as const;

export type Stage = (typeof STAGES)[number];

/** What each stage makes, in a line. */
export const STAGE_SUMMARIES: Readonly<Record<Stage, string>> = {
  dataset: 'reads and checks every row: identities, tasks, tokens, the fixed plan of the work',
  warmup: 'tunes the reference model on a small sample',
  gradients: 'takes every row’s gradient at the reference model, projected',
  values: 'values tasks by gradient norm, rows by their similarity to their task',
  allocation: 'shares the budget out over the tasks',
  selection: 'draws the rows of each task',
  finetune: 'tunes the model on the selected rows',
  evaluation: 'scores it on test rows, beside the methods it is compared with',
  report: 'writes what was found as one page',
};

/** What a stage that has several parts has several of. */
export const STAGE_PARTS: Readonly<Partial<Record<Stage, string>>> = {
  gradients: 'shards',
  allocation: 'methods',
  selection: 'methods',
  finetune: 'trainings',
  evaluation: 'models',
};

/**
 * Version of what each stage computes. It is part of every address: raise it when a stage gives other numbers for the
 * same inputs, and old artifacts are no longer found.
 */
export const STAGE_VERSIONS: Readonly<Record<Stage, number>> = {
  dataset: 4,
  warmup: 4,
  gradients: 4,
  values: 1,
  allocation: 1,
  selection: 1,
  finetune: 4,
  evaluation: 4,
  report: 1,
};
