// Allocation and selection of every method.
import type { SelectionMethod } from '../../contracts/config.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { MethodResult } from '../../contracts/messages/run.ts';
import type { AllocationResult } from '../../contracts/messages/selection.ts';
import type { ValuesResult } from '../../contracts/messages/values.ts';
import type { RunContext } from '../context.ts';
import { countText, facts, stateOf } from '../progress-facts.ts';

/** Seconds of work, so one method after the other; each is added to `results` when its quotas are known. */
export async function selectAll(
  context: RunContext,
  dataset: ScanResult,
  values: ValuesResult,
  results: MethodResult[],
): Promise<void> {
  const { work, progress, wants } = context;
  progress.start('allocation', work.methods.length);
  if (wants('selection')) progress.start('selection', work.methods.length);
  for (const method of work.methods) await selectMethod(context, method, dataset, values, results);
  finishSelections(context, results);
}

async function selectMethod(
  { input: { config }, control, gate, progress, wants }: RunContext,
  method: SelectionMethod,
  dataset: ScanResult,
  values: ValuesResult,
  results: MethodResult[],
): Promise<void> {
  const allocation = await control.allocateRows.executeWithOptions({ summary: `allocation: ${method}` }, [
    { config, method, tasks: values.tasks, allRowCount: dataset.rowCount },
  ]);
  progress.advance('allocation');
  const asks = method === config.selection.method && config.allocation.approval === 'required';
  if (asks) await approval({ gate, progress }, allocation);
  await gate.pass();
  const done: MethodResult = { method, allocation, selection: null, finetune: null, evaluation: null };
  results.push(done);
  if (!wants('selection')) return;
  done.selection = await control.selectRows.executeWithOptions({ summary: `selection: ${method}` }, [
    { config, method, values: values.values, allocation },
  ]);
  progress.advance('selection');
}

/** Holds until somebody approves of the quotas. */
async function approval(
  { gate, progress }: Pick<RunContext, 'gate' | 'progress'>,
  { budget, tasks }: AllocationResult,
): Promise<void> {
  progress.describe('allocation', `${countText(budget)} rows over ${tasks.length} tasks wait for approval`);
  await gate.approval();
  progress.describe('allocation', '');
}

function finishSelections({ work, progress, warnings }: RunContext, results: readonly MethodResult[]): void {
  const [first] = results;
  if (first === undefined) return;
  const { allocation, selection } = first;
  warnings.push(...allocation.warnings, ...(selection?.warnings ?? []));
  const quotas = facts(`${countText(allocation.budget)} rows`, `over ${allocation.tasks.length} tasks`);
  progress.finish('allocation', 'done', quotas);
  if (selection === null) return;
  const cached = results.every((done) => done.selection?.cached === true);
  const detail = facts(`${countText(selection.rowCount)} rows`, work.methods.join(', '));
  progress.finish('selection', stateOf({ cached }), detail);
}
