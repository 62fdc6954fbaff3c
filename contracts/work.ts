// What a run wants: which stages, which methods, whether models are tuned and scored. Plan and workflow ask here.
import type { Config, SelectionMethod } from './config.ts';
import { STAGES } from './stages.ts';
import type { Stage } from './stages.ts';

/** The work of one run, as its recipe and its last stage decide it. */
export interface Work {
  /** Last stage to run; `report` runs all. */
  until: Stage;
  /** The selection's own method, then those that it is compared with, each once. */
  methods: readonly SelectionMethod[];
  /** Whether models are fine-tuned on the selections. */
  finetunes: boolean;
  /** Whether they are scored on test rows. */
  evaluates: boolean;
}

export function workOf({ selection, finetune, evaluation }: Config, until: Stage): Work {
  const finetunes = finetune.enabled && reaches(until, 'finetune');
  const evaluates = finetune.enabled && evaluation.path !== null && reaches(until, 'evaluation');
  const compared = evaluates ? evaluation.compare : [];
  return { until, methods: [...new Set([selection.method, ...compared])], finetunes, evaluates };
}

/** Whether a run until a stage does a stage. */
export function reaches(until: Stage, stage: Stage): boolean {
  return STAGES.indexOf(stage) <= STAGES.indexOf(until);
}
