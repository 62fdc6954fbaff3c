// The page of a run.
import type { ReportResult, RunResult } from '../../contracts/messages/run.ts';
import type { RunContext } from '../context.ts';

export async function writeReport({ control, progress }: RunContext, result: RunResult): Promise<ReportResult> {
  progress.start('report');
  const report = await control.writeReport.executeWithOptions({ summary: 'report' }, [{ result }]);
  progress.finish('report', 'done', '');
  return report;
}
