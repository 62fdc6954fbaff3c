// The plugin of light activities.
import { SimplePlugin } from '@temporalio/plugin';
import { createAllocationActivities } from '../activities/selection/allocation.ts';
import { createAwaitGradientsActivities } from '../activities/gradients/await.ts';
import type { ControlDependencies } from '../activities/shared/dependencies.ts';
import { createLastRunActivities } from '../activities/report/last-run.ts';
import { createReportActivities } from '../activities/report/stage.ts';
import { createSelectionActivities } from '../activities/selection/stage.ts';
import { createSelectionChangeActivities } from '../activities/selection/change.ts';
import { createValuesActivities } from '../activities/values/stage.ts';
import { addActivities } from './add-activities.ts';
import { addObserver } from './observe-activities.ts';
import { createStoreOpener } from './store-opener.ts';

/**
 * Light activities for a worker on queue `tive-control`: values, allocation, selection, report. The worker also needs
 * the workflows: `export * from 'tive/workflows'` in its own workflow file. Pass it once.
 */
export class TiveControlPlugin extends SimplePlugin {
  constructor() {
    const dependencies: ControlDependencies = { openStore: createStoreOpener() };
    super({
      name: 'tive.control',
      workerInterceptors: addObserver,
      activities: addActivities({
        ...createValuesActivities(dependencies),
        ...createAllocationActivities(),
        ...createSelectionActivities(dependencies),
        ...createReportActivities(dependencies),
        ...createSelectionChangeActivities(dependencies),
        ...createLastRunActivities(dependencies),
        ...createAwaitGradientsActivities(),
      }),
    });
  }
}
