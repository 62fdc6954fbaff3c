// The package's main entry: what goes into a Temporal worker.
export { TiveComputePlugin } from './compute-plugin.ts';
export { TiveControlPlugin } from './control-plugin.ts';
export { COMPUTE_QUEUE, CONTROL_QUEUE } from '../contracts/queues.ts';
