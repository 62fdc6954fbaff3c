// What a run has found, from nothing on.
import type { RunResult } from '../contracts/messages/run.ts';
import type { RunContext } from './context.ts';

/** A result that grows: its stages and warnings are the context's own. */
export function emptyResult({ input, progress, warnings }: RunContext): RunResult {
  return {
    runName: input.runName,
    config: input.config,
    dataset: null,
    warmup: null,
    gradients: null,
    values: null,
    methods: [],
    baseEvaluation: null,
    evaluationRows: null,
    stages: progress.stages,
    warnings,
    report: null,
    reselection: null,
  };
}
