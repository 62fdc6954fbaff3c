// The value of every task and of every row.
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { GradientsResult } from '../../contracts/messages/gradients.ts';
import type { ValuesResult } from '../../contracts/messages/values.ts';
import type { RunContext } from '../context.ts';
import { stateOf } from '../progress-facts.ts';

export async function estimateValues(
  { referenceConfig: config, control, progress, warnings }: RunContext,
  { rows }: ScanResult,
  made: GradientsResult,
): Promise<ValuesResult> {
  const gradients = [made.gradients, ...made.reused];
  progress.start('values');
  const summary = 'values: value tasks and rows';
  const result = await control.estimateValues.executeWithOptions({ summary }, [{ config, rows, gradients }]);
  warnings.push(...result.warnings);
  progress.finish('values', stateOf(result), `${result.tasks.length} tasks`);
  return result;
}
