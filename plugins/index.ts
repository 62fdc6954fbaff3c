export { TiveComputePlugin } from './compute-plugin.ts';
export { TiveControlPlugin } from './control-plugin.ts';
export { COMPUTE_QUEUE, CONTROL_QUEUE } from '../contracts/queues.ts';
