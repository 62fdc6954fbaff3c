// Another selection from a finished gradient table: values, allocation, selection and report, no heavy work.
import { ApplicationFailure } from '@temporalio/workflow';
import { emptyResult } from '../contracts/messages/run.ts';
import type { ReselectInput, RunResult } from '../contracts/messages/run.ts';
import { createContext, marked } from './context.ts';
import { writeReport } from './stages/report.ts';
import { selectAll } from './stages/select.ts';
import { estimateValues } from './stages/values.ts';

/** @throws ApplicationFailure of type RangeError where the base has no gradients */
export async function tiveReselect({ base, ...input }: ReselectInput): Promise<RunResult> {
  const context = createContext({ ...input, until: 'selection' });
  return await marked(context, async () => {
    const { progress, warnings } = context;
    const { dataset, warmup, gradients } = base;
    if (dataset === null || gradients === null)
      throw ApplicationFailure.nonRetryable(
        `select: run must have gradients, got none in ${base.runName}`,
        'RangeError',
      );
    const result: RunResult = { ...emptyResult(input, progress.stages, warnings), dataset, warmup, gradients };
    warnings.push(...dataset.warnings);
    for (const stage of ['dataset', 'warmup', 'gradients'] as const)
      progress.finish(stage, 'cached', base.stages.find((line) => line.stage === stage)?.detail ?? '');
    const values = (result.values = await estimateValues(context, dataset, gradients));
    await selectAll(context, { dataset, gradients, values }, result.methods);
    result.report = await writeReport(context, result);
    return result;
  });
}
