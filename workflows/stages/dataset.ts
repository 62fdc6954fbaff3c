// Reading and checking rows: those to select from, and the test rows.
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { RunContext } from '../context.ts';
import { countText, facts, stateOf } from '../progress-facts.ts';

export async function scanTrainingRows({ input, compute, progress, warnings }: RunContext): Promise<ScanResult> {
  progress.start('dataset');
  const summary = 'dataset: read and check rows';
  const { config } = input;
  const result = await compute.scanRows.executeWithOptions({ summary }, [{ config, source: 'dataset' }]);
  warnings.push(...result.warnings);
  const quarantined = result.rowCount - result.usableCount;
  const detail = facts(
    `${countText(result.rowCount)} rows`,
    `${result.tasks.length} tasks`,
    `${countText(quarantined)} quarantined`,
  );
  progress.finish('dataset', stateOf(result), detail);
  return result;
}

export async function scanTestRows({ input, compute, warnings }: RunContext): Promise<ScanResult> {
  const summary = 'evaluation: read and check test rows';
  const { config } = input;
  const scanned = await compute.scanRows.executeWithOptions({ summary }, [{ config, source: 'evaluation' }]);
  warnings.push(...scanned.warnings);
  return scanned;
}
