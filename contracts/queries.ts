// Rows whose gradients are queries, where they are not rows of the dataset itself.
import type { Config, DatasetConfig, SelectionMethod } from './config.ts';
import { readsQueries } from './methods.ts';
import type { GradientSettings } from './methods.ts';
import type { Work } from './work.ts';

/** The rows of which gradients are to be taken as queries, as a dataset; null where no method asks for any. */
export function queryDataset(config: Config, { methods }: Pick<Work, 'methods'>): DatasetConfig | null {
  const { dataset, selection } = config;
  const { queries = 'held_out', queryPath = null } = selection;
  if (!methods.some(readsQueries)) return null;
  if (queryPath !== null) return { ...dataset, path: [queryPath], maxRows: null, excludeTasks: [], excludeRows: null };
  return queries === 'held_out' ? null : testDataset(config);
}

/** The test rows as a dataset whose gradients can be taken; null where there are none. */
export function testDataset({ dataset, evaluation }: Pick<Config, 'dataset' | 'evaluation'>): DatasetConfig | null {
  const { path, imageFolder, maxRows } = evaluation;
  if (path === null) return null;
  return { ...dataset, path: [path].flat(), imageFolder, maxRows, excludeTasks: [], excludeRows: null };
}

/** Whether a method adds what several checkpoints of the warm-up say, where the recipe asks for it. */
export function addsCheckpoints(
  method: SelectionMethod,
  { queryCheckpoints = 'last' }: Pick<GradientSettings, 'queryCheckpoints'>,
): boolean {
  return method === 'less' && queryCheckpoints === 'all';
}
