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

/**
 * Version of what each stage computes. It is part of every address: raise it when a stage gives other numbers for the
 * same inputs, and old artifacts are no longer found.
 */
export const STAGE_VERSIONS: Readonly<Record<Stage, number>> = {
  dataset: 1,
  warmup: 1,
  gradients: 1,
  values: 1,
  allocation: 1,
  selection: 1,
  finetune: 1,
  evaluation: 1,
  report: 1,
};
