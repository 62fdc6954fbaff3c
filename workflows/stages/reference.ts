// The reference model: tuned on a small sample, or kept from an earlier run.
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { AdapterResult } from '../../contracts/messages/training.ts';
import type { RunContext } from '../context.ts';
import { adapterFacts, facts, stateOf } from '../progress-facts.ts';

export async function tuneReference(
  { referenceConfig: config, compute, progress, warnings }: RunContext,
  { rows }: ScanResult,
): Promise<AdapterResult> {
  progress.start('warmup');
  const summary = 'warmup: tune the reference model';
  const result = await compute.tuneReference.executeWithOptions({ summary }, [{ config, rows }]);
  progress.finish('warmup', stateOf(result), adapterFacts(result));
  warnings.push(...(result.warnings ?? []));
  return result;
}

export function keepReference({ progress, warnings }: RunContext, warmup: AdapterResult): AdapterResult {
  progress.start('warmup');
  progress.finish('warmup', 'cached', facts('kept', adapterFacts(warmup)));
  warnings.push(...(warmup.warnings ?? []));
  return { ...warmup, cached: true };
}
