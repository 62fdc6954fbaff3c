// The package's entry `tive/algorithms`: the pure functions, named one by one.
export { METHODS } from '../contracts/methods.ts';
export { allocateBudget } from './allocate-budget.ts';
export type { AllocatedTask, Allocation, ValuedTask } from './allocate-budget.ts';
export { decodeInt8, encodeInt8, largestEncoded } from './encoding.ts';
export type { EncodedGradients } from './encoding.ts';
export { createInstanceScorer } from './instance-values.ts';
export type { InstanceScorer, InstanceValueColumns } from './instance-values.ts';
export { createProjector } from './projection.ts';
export type { ProjectionOptions, Projector } from './projection.ts';
export { equalQuotas } from './quotas.ts';
export { createContentStream, createRandom, gumbel, shuffledOrder } from './random-stream.ts';
export type { ContentStream, Random } from './random-stream.ts';
export { RowKernels } from './row-kernels.ts';
export { drawOrder, effectiveSampleSize, probabilities, topOrder } from './sampling.ts';
export type { DrawOrder, SampledRows } from './sampling.ts';
export { selectRows } from './selectors/select-rows.ts';
export type { SelectableRows, Selection, SelectionRequest } from './selectors/select-rows.ts';
export type { SelectedRows } from './selectors/take-rows.ts';
export {
  bootstrapInterval,
  histogram,
  logSumExp,
  mean,
  pairedInterval,
  quantile,
  standardDeviation,
} from './statistics.ts';
export type { BootstrapOptions, Histogram, Interval } from './statistics.ts';
export { createTaskSums, finishTaskSums, mergeTaskSums, TaskAccumulator, taskWarnings } from './task-values.ts';
export type { GradientRow, TaskStatistics, TaskSums } from './task-values.ts';
export { sampleWarmup } from './warmup-sample.ts';
export type { WarmupRequest } from './warmup-sample.ts';
