// The plugin of compute workers.
import { SimplePlugin } from '@temporalio/plugin';
import { COMPUTE_STAGES } from '../activities/activity-stages.ts';
import { createComputeActivities } from '../activities/compute.ts';
import { ModelHost } from '../activities/shared/model-host.ts';
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
    const openStore = createStoreOpener();
    super({
      name: 'tive.compute',
      workerInterceptors: addObserver(COMPUTE_STAGES, openStore),
      activities: addActivities(createComputeActivities({ openStore, models })),
      runContext: async (next) => {
        try {
          return await next();
        } finally {
          await models.dispose();
        }
      },
    });
  }
}
