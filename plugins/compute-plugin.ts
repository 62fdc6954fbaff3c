// The plugin of heavy activities.
import { SimplePlugin } from '@temporalio/plugin';
import { createDatasetActivities } from '../activities/dataset/stage.ts';
import type { ComputeDependencies } from '../activities/shared/dependencies.ts';
import { createEvaluationActivities } from '../activities/training/evaluation.ts';
import { createFinetuneActivities } from '../activities/training/finetune.ts';
import { createGradientActivities } from '../activities/gradients/stage.ts';
import { ModelHost } from '../activities/shared/model-host.ts';
import { createNewRowsActivities } from '../activities/gradients/new-rows.ts';
import { createWarmupActivities } from '../activities/training/warmup.ts';
import { addActivities } from './add-activities.ts';
import { addObserver } from './observe-activities.ts';
import { createStoreOpener } from './store-opener.ts';

/**
 * Heavy activities for a worker on queue `tive-compute`: reading rows, warm-up, gradients, fine-tuning, evaluation.
 * The worker must run one activity at a time: the process holds one engine and one model. Pass it once.
 */
export class TiveComputePlugin extends SimplePlugin {
  constructor() {
    const models = new ModelHost();
    const dependencies: ComputeDependencies = { openStore: createStoreOpener(), models };
    super({
      name: 'tive.compute',
      workerInterceptors: addObserver,
      activities: addActivities({
        ...createDatasetActivities(dependencies),
        ...createWarmupActivities(dependencies),
        ...createNewRowsActivities(dependencies),
        ...createGradientActivities(dependencies),
        ...createFinetuneActivities(dependencies),
        ...createEvaluationActivities(dependencies),
      }),
      runContext: async (next) => {
        try {
          return await next();
        } finally {
          models.dispose();
        }
      },
    });
  }
}
