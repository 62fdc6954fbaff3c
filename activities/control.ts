// All light activities, for a worker on queue `tive-control`.
import { createDatamodelActivities } from './benchmark/datamodels.ts';
import { createKeepCellActivities } from './benchmark/keep-cell.ts';
import { createBenchmarkActivities } from './benchmark/stage.ts';
import { createAwaitGradientsActivities } from './gradients/await.ts';
import { createKeepResultActivities } from './report/keep-result.ts';
import { createLastRunActivities } from './report/last-run.ts';
import { createReportActivities } from './report/stage.ts';
import { createAllocationActivities } from './selection/allocation.ts';
import { createSelectionChangeActivities } from './selection/change.ts';
import { createFilterActivities } from './selection/filter.ts';
import { createSelectionActivities } from './selection/stage.ts';
import type { ControlDependencies } from './shared/dependencies.ts';
import { createValuesActivities } from './values/stage.ts';

export function createControlActivities(dependencies: ControlDependencies) {
  return {
    ...createValuesActivities(dependencies),
    ...createAllocationActivities(),
    ...createFilterActivities(dependencies),
    ...createSelectionActivities(dependencies),
    ...createReportActivities(dependencies),
    ...createSelectionChangeActivities(dependencies),
    ...createLastRunActivities(dependencies),
    ...createKeepResultActivities(dependencies),
    ...createAwaitGradientsActivities(),
    ...createKeepCellActivities(dependencies),
    ...createDatamodelActivities(dependencies),
    ...createBenchmarkActivities(dependencies),
  };
}

/** Light activities, as workflows call them. */
export type ControlActivities = ReturnType<typeof createControlActivities>;
