// Rows whose gradients are queries, where they are not rows of the dataset itself.
import type { Config, DatasetConfig } from './config.ts';
import { readsQueries } from './methods.ts';
import type { Work } from './work.ts';

/** The rows of which gradients are to be taken as queries, as a dataset; null where no method asks for any. */
export function queryDataset(
  { dataset, evaluation, selection: { queries = 'held_out', queryPath = null } }: Config,
  { methods }: Pick<Work, 'methods'>,
): DatasetConfig | null {
  if (!methods.some(readsQueries)) return null;
  if (queryPath !== null) return { ...dataset, path: [queryPath], maxRows: null, excludeTasks: [] };
  if (queries === 'held_out' || evaluation.path === null) return null;
  const { path, imageFolder, maxRows } = evaluation;
  return { ...dataset, path: [path].flat(), imageFolder, maxRows, excludeTasks: [] };
}
