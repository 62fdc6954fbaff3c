// What a run takes over from the last one of its name, and what has changed since.
import type { Config } from '../contracts/config.ts';
import type { ScanResult } from '../contracts/messages/dataset.ts';
import type { GradientsResult } from '../contracts/messages/gradients.ts';
import type { ComparedSelection, NewRowsPlan, Reselection } from '../contracts/messages/incremental.ts';
import type { LastRun, MethodResult, RunInput, RunResult } from '../contracts/messages/run.ts';
import type { AdapterResult } from '../contracts/messages/training.ts';
import { sumByReason } from '../contracts/reasons.ts';
import { withoutLaterKeys } from '../contracts/later-keys.ts';
import type { RunContext } from './context.ts';
import { percentText } from './progress-facts.ts';

/** Whether the last run answers this one: the same data, recipe and last stage. */
export function isUnchanged({ fingerprint, result }: LastRun, now: string, { config, until }: RunInput): boolean {
  const reached = result.stages.find(({ stage }) => stage === until)?.state;
  const isSame = equal(withoutLaterKeys(result.config), withoutLaterKeys(config));
  return fingerprint === now && isSame && (reached === 'done' || reached === 'cached');
}

/** Whether both recipes give the same reference model for the same rows. */
function hasSameReference(then: Config, now: Config): boolean {
  const sections = ({ model, warmup, gradients, run }: Config): unknown => [model, warmup, gradients, run.seed];
  return equal(sections(withoutLaterKeys(then)), sections(withoutLaterKeys(now)));
}

/** A reselection that starts from nothing, with the reason. */
function tunedAgain(reason: string, counts: Partial<Reselection> = {}): Reselection {
  return {
    unchanged: false,
    newRowCount: 0,
    removedRowCount: 0,
    newFraction: 1,
    referenceModel: 'tuned_again',
    change: null,
    ...counts,
    reason,
  };
}

/** Both sides came through JSON, with their keys in one order. */
function equal(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** What an incremental run takes over from the last one. */
export interface KeptRows {
  warmup: AdapterResult;
  gradients: GradientsResult;
  plan: NewRowsPlan;
}

/** The kept table and what was made beside it. */
export function joinTables({ gradients, plan }: KeptRows, made: GradientsResult | null): GradientsResult {
  const quarantined = sumByReason([...plan.quarantined, ...(made?.quarantined ?? [])]);
  if (made === null) return { ...gradients, quarantined, cached: true };
  return { ...made, reused: [gradients.gradients, ...gradients.reused], quarantined };
}

/** Nothing has changed: the last result stands. */
export function repeatLast({ progress }: RunContext, { result }: LastRun): RunResult {
  for (const { stage, state, detail } of result.stages) {
    if (state === 'done' || state === 'cached') progress.finish(stage, 'cached', detail);
  }
  const reselection: Reselection = {
    ...tunedAgain('neither data nor recipe has changed', { newFraction: 0, referenceModel: 'kept' }),
    unchanged: true,
  };
  return { ...result, stages: progress.stages, reselection };
}

/** What of the last run can be kept; null where its reference model does not serve any more. Says why in the result. */
export async function keepRows(
  { input: { config }, compute }: RunContext,
  { result: then }: LastRun,
  { rows, usableCount }: ScanResult,
  result: RunResult,
): Promise<KeptRows | null> {
  const { warmup, gradients, dataset: lastDataset } = then;
  const again = (reason: string, counts: Partial<Reselection> = {}): null => {
    result.reselection = tunedAgain(reason, counts);
    return null;
  };
  if (warmup === null || gradients === null || lastDataset === null) return again('the last run has no gradients');
  if (!hasSameReference(then.config, config)) return again('settings of the reference model have changed');
  const { adapter } = warmup;
  const tables = [gradients.gradients, ...gradients.reused];
  const plan = await compute.planNewRows.executeWithOptions({ summary: 'gradients: find new rows' }, [
    { config, rows, adapter, tables, lastRows: lastDataset.rows },
  ]);
  const { newRowCount, removedRowCount } = plan;
  if (plan.refusal !== null) return again(plan.refusal);
  const newFraction = newRowCount / usableCount;
  const counts = { newRowCount, removedRowCount, newFraction };
  const { maxNewFraction } = config.reselect;
  const shares = `${percentText(newFraction)} of the rows are new`;
  if (newFraction > maxNewFraction)
    return again(`${shares}, above the limit of ${percentText(maxNewFraction)}`, counts);
  const reason = `${shares}, within the limit of ${percentText(maxNewFraction)}`;
  result.reselection = { ...tunedAgain(reason, counts), referenceModel: 'kept' };
  return { warmup, gradients, plan };
}

/** What entered and left the selection since the last run, into the result. */
export async function compareWithLast(
  { input: { config }, control }: RunContext,
  { result: then }: LastRun,
  { rows }: ScanResult,
  { methods, reselection }: RunResult,
): Promise<void> {
  const [before = null] = then.methods;
  const [after = null] = methods;
  if (reselection === null || then.dataset === null || !before?.selection || !after?.selection) return;
  const side = (of: ScanResult['rows'], { selection, allocation }: MethodResult): ComparedSelection => ({
    rows: of,
    selection: selection!.selection,
    quotas: allocation.tasks.map(({ task, quota }) => ({ task, quota })),
  });
  reselection.change = await control.compareSelections.executeWithOptions({ summary: 'selection: compare' }, [
    { config, before: side(then.dataset.rows, before), after: side(rows, after) },
  ]);
}
