// The single entry of the workflow bundle. Users write `export * from 'tive/workflows'` in their own.
export { tiveRun } from './run.ts';
export { tiveBenchmark } from './benchmark.ts';
export { tiveReselect } from './reselect.ts';
export { collectGradients } from './collect-gradients.ts';
