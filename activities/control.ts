// All light activities, for a worker on queue `tive-control`.
import type { Stage } from '../contracts/stages.ts';
import { createDatamodelActivities } from './benchmark/datamodels.ts';
import { createKeepCellActivities } from './benchmark/keep-cell.ts';
import { createBenchmarkActivities } from './benchmark/stage.ts';
import { createAwaitGradientsActivities } from './gradients/await.ts';
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
    ...createAwaitGradientsActivities(),
    ...createKeepCellActivities(dependencies),
    ...createDatamodelActivities(dependencies),
    ...createBenchmarkActivities(dependencies),
  };
}

/** Light activities, as workflows call them. */
export type ControlActivities = ReturnType<typeof createControlActivities>;

/** Which stage each activity belongs to. */
export const CONTROL_STAGES: Readonly<Record<keyof ControlActivities, Stage>> = {
  awaitGradients: 'gradients',
  estimateValues: 'values',
  allocateRows: 'allocation',
  filterRows: 'selection',
  selectRows: 'selection',
  compareSelections: 'selection',
  writeReport: 'report',
  readLastRun: 'report',
  keepLastRun: 'report',
  keepBenchmarkCell: 'report',
  scoreDatamodels: 'report',
  writeBenchmark: 'report',
};
