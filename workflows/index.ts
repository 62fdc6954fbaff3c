// The single entry of the workflow bundle. Users write `export * from 'tive/workflows'` in their own.
export { tiveReselect, tiveRun } from './run.ts';
export { collectGradients } from './collect-gradients.ts';
