// Which stage each activity belongs to: for what observes activities, and for who reads of them.
import type { Stage } from '../contracts/stages.ts';
import type { ComputeActivities } from './compute.ts';
import type { ControlActivities } from './control.ts';

/** Of the heavy activities. */
export const COMPUTE_STAGES: Readonly<Record<keyof ComputeActivities, Stage>> = {
  fingerprintDataset: 'dataset',
  scanRows: 'dataset',
  tuneReference: 'warmup',
  planNewRows: 'gradients',
  narrowRows: 'gradients',
  planGradients: 'gradients',
  computeGradientShard: 'gradients',
  closeGradients: 'gradients',
  finetuneModel: 'finetune',
  evaluateModel: 'evaluation',
};

/** Of the light activities. */
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
  keepResult: 'report',
  keepBenchmarkCell: 'report',
  scoreDatamodels: 'report',
  writeBenchmark: 'report',
};
