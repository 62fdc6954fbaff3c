// Allocation and selection of every method.
import type { SelectionMethod } from '../../contracts/config.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { GradientsResult, QueriesResult } from '../../contracts/messages/gradients.ts';
import type { MethodResult } from '../../contracts/messages/run.ts';
import type { AllocationResult, FilterResult } from '../../contracts/messages/selection.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { ValuesResult } from '../../contracts/messages/values.ts';
import { filtersOf, readsGradients, readsQueries } from '../../contracts/methods.ts';
import type { RunContext } from '../context.ts';
import { countText, facts, stateOf } from '../progress-facts.ts';

/** Seconds of work, so one method after the other; each is added to `results` when its quotas are known. */
export async function selectAll(context: RunContext, found: Found, results: MethodResult[]): Promise<void> {
  const { work, progress, wants } = context;
  progress.start('allocation', work.methods.length);
  if (wants('selection')) progress.start('selection', work.methods.length);
  for (const method of work.methods) await selectMethod(context, method, found, results);
  finishSelections(context, results);
}

/** What is selected from. */
export interface Found {
  dataset: ScanResult;
  gradients: GradientsResult;
  queries: QueriesResult | null;
  values: ValuesResult;
}

async function selectMethod(
  context: RunContext,
  method: SelectionMethod,
  found: Found,
  results: MethodResult[],
): Promise<void> {
  const {
    input: { config },
    control,
    gate,
    progress,
    wants,
  } = context;
  const { dataset, values } = found;
  const filter = await filterRows(context, method, found);
  const kept = filter?.tasks.map(({ task, keptCount }) => ({ task, keptCount }));
  const allocation = await control.allocateRows.executeWithOptions({ summary: `allocation: ${method}` }, [
    { config, method, tasks: values.tasks, allRowCount: dataset.rowCount, ...(kept && { kept }) },
  ]);
  progress.advance('allocation');
  const asks = method === config.selection.method && config.allocation.approval === 'required';
  if (asks) await approval({ gate, progress }, allocation);
  await gate.pass();
  const done: MethodResult = {
    method,
    ...(filter && { filter }),
    allocation,
    selection: null,
    finetune: null,
    evaluation: null,
  };
  results.push(done);
  if (!wants('selection')) return;
  done.selection = await control.selectRows.executeWithOptions({ summary: `selection: ${method}` }, [
    {
      config,
      method,
      values: values.values,
      allocation,
      ...(filter && { filtered: filter.filtered }),
      ...(readsGradients(method) && { gradients: tablesOf(found) }),
      ...(readsQueries(method) && found.queries && { queries: found.queries.gradients }),
    },
  ]);
  progress.advance('selection');
}

function tablesOf({ gradients: { gradients, reused } }: Found): ArtifactReference[] {
  return [gradients, ...reused];
}

/** What is left out before the method draws; null where nothing is asked to be. */
async function filterRows(
  { input: { config }, control, warnings }: RunContext,
  method: SelectionMethod,
  found: Found,
): Promise<FilterResult | null> {
  const { rows } = found.dataset;
  const { values } = found.values;
  const filters = filtersOf(method, config.selection);
  if (filters.length === 0) return null;
  const filter = await control.filterRows.executeWithOptions({ summary: `selection: ${filters.join(', ')}` }, [
    { config, filters, values, rows, gradients: tablesOf(found) },
  ]);
  if (method === config.selection.method) warnings.push(...filter.warnings);
  return filter;
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
