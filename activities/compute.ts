// All heavy activities, for a worker on queue `tive-compute`.
import { createDatasetActivities } from './dataset/stage.ts';
import { createNarrowRowsActivities } from './gradients/narrow-rows.ts';
import { createNewRowsActivities } from './gradients/new-rows.ts';
import { createGradientActivities } from './gradients/stage.ts';
import type { ComputeDependencies } from './shared/dependencies.ts';
import { createEvaluationActivities } from './training/evaluation.ts';
import { createFinetuneActivities } from './training/finetune.ts';
import { createWarmupActivities } from './training/warmup.ts';

export function createComputeActivities(dependencies: ComputeDependencies) {
  return {
    ...createDatasetActivities(dependencies),
    ...createWarmupActivities(dependencies),
    ...createNewRowsActivities(dependencies),
    ...createNarrowRowsActivities(dependencies),
    ...createGradientActivities(dependencies),
    ...createFinetuneActivities(dependencies),
    ...createEvaluationActivities(dependencies),
  };
}

/** Heavy activities, as workflows call them. */
export type ComputeActivities = ReturnType<typeof createComputeActivities>;
