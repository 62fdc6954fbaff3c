// Weights of rows in a random draw: one over the number of their near-duplicates.
import type { SelectInput } from '../../contracts/messages/selection.ts';
import { weightCosine } from '../../contracts/methods.ts';
import type { Store } from '../../store/store.ts';
import { openGradientTable } from '../../tables/gradients.ts';
import { nearCountsTable } from '../../tables/near-counts.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { makeOutput, outputPlace } from '../shared/stage-output.ts';
import { countNearDuplicates } from './near-duplicate-rows.ts';
import type { ValuedRows } from './values-columns.ts';

/** What a selection's address says of the weights; nothing where all rows weigh alike. */
export function weightSettings({ config, method, gradients = [] }: SelectInput): object {
  const cosine = weightCosine(method, config.selection);
  if (cosine === null) return {};
  return { nearDuplicateWeight: { cosine, gradients: gradients.map(({ sha256 }) => sha256) } };
}

/**
 * [example] w = 1/#{j : cos(i, j) ≥ τ}, j over the rows of the task that filters have kept; null where all weigh alike.
 * `dropped` are [example] 1 for rows that filters have left out, which weigh 1. What was counted is kept: methods and
 * budgets share it.
 */
export async function nearDuplicateWeights(
  store: Store,
  { config, method, values, filtered, gradients = [] }: SelectInput,
  rows: ValuedRows,
  { taskCount, dropped }: { taskCount: number; dropped: Uint8Array | null },
  pulse: Pulse,
): Promise<Float64Array | null> {
  const cosine = weightCosine(method, config.selection);
  if (cosine === null) return null;
  const place = outputPlace('selection', {
    values: values.sha256,
    gradients: gradients.map(({ sha256 }) => sha256),
    nearCounts: { cosine },
    filtered: filtered?.sha256,
  });
  const { rowIndex } = rows;
  const { reference } = await makeOutput(store, place, async () => {
    const table = await openGradientTable(store, gradients);
    const work = { rows, taskCount, table, cosine, dropped: dropped ?? new Uint8Array(rowIndex.length) };
    const nearCount = await countNearDuplicates(store, work, pulse);
    const file = await nearCountsTable.write(store, place.folder, [{ rowCount: rowIndex.length, rowIndex, nearCount }]);
    return { files: [file], details: null };
  });
  const weight = new Float64Array(rowIndex.length);
  let start = 0;
  for await (const { nearCount } of nearCountsTable.read(store, reference))
    for (const count of nearCount) weight[start++] = 1 / count;
  return weight;
}
