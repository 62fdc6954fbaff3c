// The page of a run, and its result in the store.
import { patched, workflowInfo } from '@temporalio/workflow';
import type { ReportResult, RunResult } from '../../contracts/messages/run.ts';
import type { RunContext } from '../context.ts';

export async function writeReport({ control, progress }: RunContext, result: RunResult): Promise<ReportResult> {
  progress.start('report');
  const report = await control.writeReport.executeWithOptions({ summary: 'report' }, [{ result }]);
  progress.finish('report', 'done', '');
  return report;
}

/** Keeps the result in the store under the run's name; a cell of a benchmark has no name of its own. */
export async function keepResult({ control }: RunContext, result: RunResult): Promise<RunResult> {
  if (workflowInfo().parent === undefined && patched('result-in-store'))
    await control.keepResult.executeWithOptions({ summary: 'result' }, [{ result }]);
  return result;
}
