// Where the methods are compared: datasets, base models, conditions.
import { STRESS_NAMES } from '../../contracts/stress.ts';
import type { StressCondition } from '../../contracts/stress.ts';
import { METHOD_NAMES } from '../../contracts/methods.ts';
import type { SelectionMethod } from '../../contracts/config.ts';

/** The bundled data, and scenes of shapes with other tasks. */
export const DATASETS = ['demo', 'shapes'] as const;
export type DatasetName = (typeof DATASETS)[number];

/** The bundled model, and one that was pretrained by another seed. */
export const BASES = ['first', 'second'] as const;
export type BaseName = (typeof BASES)[number];

export const CONDITIONS = ['clean', ...STRESS_NAMES] as const;
export type Condition = 'clean' | StressCondition;

/** One table of results. */
export interface Setting {
  dataset: DatasetName;
  base: BaseName;
  condition: Condition;
}

/** All of them: the demo's conditions with either base model, then the second dataset, which nothing is chosen by. */
export const SETTINGS: readonly Setting[] = DATASETS.flatMap((dataset) =>
  BASES.flatMap((base) => CONDITIONS.map((condition) => ({ dataset, base, condition }))),
);

/** A choice that every other is measured against. */
export const BASELINE = 'task_balanced';

/** Methods of the table: all but `perplexity`, which ranks rows as `loss` does. */
export const COMPARED: readonly SelectionMethod[] = METHOD_NAMES.filter((method) => method !== 'perplexity');

/** `demo/first/clean` */
export function settingName({ dataset, base, condition }: Setting): string {
  return `${dataset}/${base}/${condition}`;
}
