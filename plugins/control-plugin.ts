// The plugin of control workers.
import { SimplePlugin } from '@temporalio/plugin';
import { CONTROL_STAGES } from '../activities/activity-stages.ts';
import { createControlActivities } from '../activities/control.ts';
import { addActivities } from './add-activities.ts';
import { addObserver } from './observe-activities.ts';
import { createStoreOpener } from './store-opener.ts';

/**
 * Light activities for a worker on queue `tive-control`: values, allocation, selection, report. The worker also needs
 * the workflows: `export * from 'tive/workflows'` in its own workflow file. Pass it once.
 */
export class TiveControlPlugin extends SimplePlugin {
  constructor() {
    const openStore = createStoreOpener();
    super({
      name: 'tive.control',
      workerInterceptors: addObserver(CONTROL_STAGES, openStore),
      activities: addActivities(createControlActivities({ openStore })),
    });
  }
}
