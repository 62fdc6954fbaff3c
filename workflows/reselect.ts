// Another selection from a finished gradient table: values, allocation, selection and report, no heavy work.
import { ApplicationFailure } from '@temporalio/workflow';
import { emptyResult } from '../contracts/messages/run.ts';
import type { ReselectInput, RunResult } from '../contracts/messages/run.ts';
import type { EarlierGradients, QueriesResult } from '../contracts/messages/gradients.ts';
import { addsCheckpoints, queryDataset } from '../contracts/queries.ts';
import { workOf } from '../contracts/work.ts';
import { createContext, marked } from './context.ts';
import type { RunContext } from './context.ts';
import { keepResult, writeReport } from './stages/report.ts';
import { selectAll } from './stages/select.ts';
import { estimateValues } from './stages/values.ts';

/** @throws ApplicationFailure of type RangeError where the base has no gradients */
export async function tiveReselect({ base, isPreview = false, ...input }: ReselectInput): Promise<RunResult> {
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
    const queries = knownQueries(context, base);
    if (queries !== null) result.queries = queries;
    const earlier = knownEarlier(context, base, queries);
    if (earlier !== null) result.earlierGradients = earlier;
    warnings.push(...dataset.warnings);
    if ((input.config.selection.rounds ?? 1) > 1)
      warnings.push(
        'selection.rounds: a choice from the gradients of a run is one round; rounds need a run of their own',
      );
    for (const stage of ['dataset', 'warmup', 'gradients'] as const)
      progress.finish(stage, 'cached', base.stages.find((line) => line.stage === stage)?.detail ?? '');
    const values = (result.values = await estimateValues(context, dataset, gradients));
    await selectAll(context, { config: input.config, dataset, gradients, queries, earlier, values }, result.methods);
    result.report = await writeReport(context, result);
    return isPreview ? result : keepResult(context, result);
  });
}

/**
 * Gradients at checkpoints that the base has taken, of these queries; null where no method adds them.
 * @throws ApplicationFailure of type InvalidConfigError where it has taken none
 */
function knownEarlier(
  { input: { config }, work }: RunContext,
  base: RunResult,
  queries: QueriesResult | null,
): EarlierGradients | null {
  if (!work.methods.some((method) => addsCheckpoints(method, config.selection))) return null;
  const known = base.earlierGradients ?? null;
  if (known !== null && known.checkpoints.every((own) => (own.queries === null) === (queries === null))) return known;
  throw ApplicationFailure.nonRetryable(
    `select: the run must have gradients at checkpoints for query_checkpoints: all, got none of these queries in ${base.runName}; ` +
      'run a recipe that asks for them, or set query_checkpoints: last',
    'InvalidConfigError',
  );
}

/**
 * Gradients of queries that the base has taken; null where no method asks for such.
 * @throws ApplicationFailure of type InvalidConfigError where it has not taken those that are asked for
 */
function knownQueries({ input: { config }, work }: RunContext, base: RunResult): QueriesResult | null {
  const wanted = queryDataset(config, work);
  if (wanted === null) return null;
  const known = base.queries ?? null;
  const taken = queryDataset(base.config, workOf(base.config, 'report'));
  if (known !== null && JSON.stringify(taken) === JSON.stringify(wanted)) return known;
  throw ApplicationFailure.nonRetryable(
    `select: the run must have the gradients of the queries in ${wanted.path.join(', ')}, got none in ${base.runName}; ` +
      'run a recipe with this method, or set selection.queries: held_out',
    'InvalidConfigError',
  );
}
