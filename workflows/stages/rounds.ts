// Rounds of choosing: each from what the last one chose, by a model that was tuned on it.
import type { Config } from '../../contracts/config.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { RoundResult } from '../../contracts/messages/run.ts';
import type { RunContext } from '../context.ts';
import { takeGradients, takeQueryGradients } from './gradients.ts';
import { chooseRows } from './select.ts';
import type { Found } from './select.ts';
import { estimateValues } from './values.ts';

/**
 * The rounds before the last one. Of k rounds that take B of N rows, round r takes round(N · (B/N)^(r/k)) of those that
 * are left: the same share each time. Then a model is tuned on them as the final one will be, and their gradients and
 * values are taken by it.
 *
 * @param first what the first round chooses from
 * @param testRows that each round's model is scored on; null where none is
 * @returns what the last round chooses from, with the budget B; the rounds before it
 * @see arXiv:2403.09559
 */
export async function narrow(
  context: RunContext,
  first: Found,
  testRows: ScanResult | null,
): Promise<{ last: Found; rounds: RoundResult[] }> {
  const { config } = first;
  const { method, rounds: roundCount = 1 } = config.selection;
  const rounds: RoundResult[] = [];
  if (roundCount === 1) return { last: first, rounds };
  const all = first.values.tasks.reduce((sum, { rowCount }) => sum + rowCount, 0);
  const { allocation: whole } = await chooseRows(context, method, first);
  let found = first;
  for (let round = 1; round < roundCount; round += 1) {
    const wanted = Math.round(all * (whole.budget / all) ** (round / roundCount));
    const from = found.values.tasks.reduce((sum, { rowCount }) => sum + rowCount, 0);
    const { selection } = await chooseRows(context, method, { ...found, config: withBudget(config, wanted) });
    const { result, next } = await goOn(context, found, selection, testRows, `round ${round} of ${roundCount}`);
    rounds.push({ ...result, fromCount: from });
    found = { ...next, config: withBudget(config, whole.budget) };
  }
  return { last: found, rounds };
}

function withBudget(config: Config, rowCount: number): Config {
  return { ...config, allocation: { ...config.allocation, budgetRows: rowCount, budgetFraction: null } };
}

/** Tunes a model on a round's rows, scores it, and takes their gradients and values by it. */
async function goOn(
  context: RunContext,
  { config, dataset }: Found,
  selection: RoundResult['selection'],
  testRows: ScanResult | null,
  name: string,
): Promise<{ result: Omit<RoundResult, 'fromCount'>; next: Found }> {
  const { compute, gate, progress, warnings } = context;
  await gate.pass();
  progress.start('gradients');
  progress.describe('gradients', `${name}: a model is tuned on its rows`);
  const finetune = await compute.finetuneModel.executeWithOptions({ summary: `${name}: tune on its rows` }, [
    { config, rows: dataset.rows, selection: selection.selection },
  ]);
  warnings.push(...(finetune.warnings ?? []).map((warning) => `${name}: ${warning}`));
  const evaluation =
    testRows === null
      ? null
      : await compute.evaluateModel.executeWithOptions({ summary: `${name}: score` }, [
          { config, rows: testRows.rows, adapter: finetune.adapter },
        ]);
  const rows = await compute.narrowRows.executeWithOptions({ summary: `${name}: its rows` }, [
    { config, rows: dataset.rows, selection: selection.selection },
  ]);
  const left = { ...dataset, rows };
  progress.describe('gradients', '');
  const gradients = await takeGradients(context, left, finetune, null);
  const queries = await takeQueryGradients(context, finetune);
  const values = await estimateValues(context, left, gradients);
  return {
    result: { rowCount: selection.rowCount, selection, finetune, evaluation },
    next: { config, dataset: left, gradients, queries, earlier: null, values },
  };
}
