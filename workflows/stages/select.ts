// Allocation and selection of every method.
import { changesCopies } from '../../contracts/augmentation.ts';
import type { Config, SelectionMethod } from '../../contracts/config.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { EarlierGradients, GradientsResult, QueriesResult } from '../../contracts/messages/gradients.ts';
import type { MethodResult } from '../../contracts/messages/run.ts';
import type { AllocationResult, FilterResult, SelectionResult } from '../../contracts/messages/selection.ts';
import { addsCheckpoints } from '../../contracts/queries.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { ValuesResult } from '../../contracts/messages/values.ts';
import { filtersOf, readsGradients, readsQueries, weightCosine } from '../../contracts/methods.ts';
import type { RunContext } from '../context.ts';
import { countText, facts, stateOf } from '../progress-facts.ts';

/**
 * Seconds of work, so one method after the other; each is added to `results` when its quotas are known.
 * @param own what the run's own method selects from, where that is not what the others do
 */
export async function selectAll(
  context: RunContext,
  found: Found,
  results: MethodResult[],
  own: Found = found,
): Promise<void> {
  const { input, work, progress, wants } = context;
  progress.start('allocation', work.methods.length);
  if (wants('selection')) progress.start('selection', work.methods.length);
  for (const method of work.methods) {
    const from = method === input.config.selection.method ? own : found;
    await selectMethod(context, method, from, results);
  }
  finishSelections(context, results);
}

/** What is selected from. */
export interface Found {
  /** The recipe, as the rows that are left ask for it. */
  config: Config;
  dataset: ScanResult;
  gradients: GradientsResult;
  queries: QueriesResult | null;
  /** At checkpoints of the warm-up; null where no method adds them. */
  earlier: EarlierGradients | null;
  values: ValuesResult;
}

async function selectMethod(
  context: RunContext,
  method: SelectionMethod,
  found: Found,
  results: MethodResult[],
): Promise<void> {
  const { gate, progress, wants } = context;
  const { config } = found;
  const filter = await filterRows(context, method, found);
  const allocation = await allocate(context, method, found, filter);
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
  done.selection = await draw(context, method, found, { filter, allocation });
  progress.advance('selection');
}

/** One choice with nobody asked and nothing shown: quotas, then rows. */
export async function chooseRows(
  context: RunContext,
  method: SelectionMethod,
  found: Found,
): Promise<{ allocation: AllocationResult; selection: SelectionResult }> {
  const filter = await filterRows(context, method, found);
  const allocation = await allocate(context, method, found, filter);
  return { allocation, selection: await draw(context, method, found, { filter, allocation }) };
}

function allocate(
  { control }: RunContext,
  method: SelectionMethod,
  { config, dataset, values }: Found,
  filter: FilterResult | null,
): Promise<AllocationResult> {
  const kept = filter?.tasks.map(({ task, keptCount }) => ({ task, keptCount }));
  return control.allocateRows.executeWithOptions({ summary: `allocation: ${method}` }, [
    { config, method, tasks: values.tasks, allRowCount: dataset.rowCount, ...(kept && { kept }) },
  ]);
}

function draw(
  { control }: RunContext,
  method: SelectionMethod,
  found: Found,
  { filter, allocation }: { filter: FilterResult | null; allocation: AllocationResult },
): Promise<SelectionResult> {
  return control.selectRows.executeWithOptions({ summary: `selection: ${method}` }, [
    {
      config: found.config,
      method,
      values: found.values.values,
      allocation,
      ...(filter && { filtered: filter.filtered }),
      ...((readsGradients(method) || weightCosine(method, found.config.selection) !== null) && {
        gradients: tablesOf(found),
      }),
      ...(changesCopies(found.config.allocation) && { rows: found.dataset.rows }),
      ...(readsQueries(method) && found.queries && { queries: found.queries.gradients }),
      ...(addsCheckpoints(method, found.config.selection) && found.earlier && { earlier: found.earlier }),
    },
  ]);
}

function tablesOf({ gradients: { gradients, reused } }: Found): ArtifactReference[] {
  return [gradients, ...reused];
}

/** What is left out before the method draws; null where nothing is asked to be. */
async function filterRows(
  { referenceConfig, control, warnings }: RunContext,
  method: SelectionMethod,
  found: Found,
): Promise<FilterResult | null> {
  // The rows that the reference model has seen are those of its own seed.
  const config = { ...found.config, run: { ...found.config.run, seed: referenceConfig.run.seed } };
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
  await gate.approval(tasks);
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
