// The dataset stage without a run: what it would find.
import { encoderOf, evaluationDataset } from '../../activities/shared/compute-context.ts';
import { datasetWarnings, ofTestRows, requireKnownTasks, testWarnings } from '../../activities/dataset/warnings.ts';
import { localDataset } from '../../activities/shared/local-dataset.ts';
import { mostTokens } from '../../activities/shared/memory-plan.ts';
import { checkModel } from '../../activities/shared/model-checks.ts';
import { ModelHost } from '../../activities/shared/model-host.ts';
import { setAsideLine } from '../../activities/shared/rows-batch.ts';
import type { Config, DatasetConfig } from '../../contracts/config.ts';
import { requireUsable } from '../../dataset/rows/dataset-checks.ts';
import { planRows } from '../../dataset/rows/plan-rows.ts';
import { scanDataset } from '../../dataset/rows/scan-dataset.ts';
import { RowTally } from '../../dataset/rows/tally.ts';
import type { DatasetTally } from '../../dataset/rows/tally.ts';
import { labellingOf } from '../../dataset/tasks/task-labeller.ts';
import { useTorch } from '../../setup/torch-python.ts';
import { openStore } from '../../store/open-store.ts';

/** What a run's dataset stage would find. */
export interface ValidatedData extends Counts {
  warnings: string[];
  /** Why a run would refuse the dataset as a whole; null: it would not. */
  problem: string | null;
}

/**
 * Reads every row and its pictures as the run would, without a run; lines of rows that cannot be used go to `setAside`.
 * @throws InvalidConfigError for a model that cannot be used, InvalidDatasetError for a source that cannot be read
 */
export async function validateData(
  config: Config,
  setAside: (line: string) => void,
  onProgress: (rowCount: number) => void,
): Promise<ValidatedData> {
  useTorch();
  const models = new ModelHost();
  try {
    return await validateWith(models, config, setAside, onProgress);
  } finally {
    await models.dispose();
  }
}

async function validateWith(
  models: ModelHost,
  config: Config,
  setAside: (line: string) => void,
  onProgress: (rowCount: number) => void,
): Promise<ValidatedData> {
  await checkModel(config, models);
  let rowCount = 0;
  const read = async (given: DatasetConfig): Promise<{ counts: Counts; warnings: string[] }> => {
    const dataset = await localDataset(openStore, given, null);
    const { label, notes } = await labellingOf(
      given.taskRules === 'cluster' ? await localDataset(openStore, config.dataset, null) : dataset,
    );
    const tally = new RowTally();
    const encoder = await encoderOf(config, models);
    for await (const window of planRows(scanDataset({ dataset, label, encoder }), {
      ...config.gradients,
      tokenBudget: mostTokens(config),
    })) {
      for (const row of window) {
        tally.add(row);
        const line = setAsideLine(row);
        if (line !== null) setAside(line);
      }
      onProgress((rowCount += window.length));
    }
    const { extensionDiffersCount, unreadKeys, ...counts } = tally.result();
    return {
      counts,
      warnings: [
        ...datasetWarnings(counts, { extensionDiffersCount, unreadKeys }, dataset),
        ...notes,
        ...encoder.notes(),
      ],
    };
  };
  const { counts, warnings } = await read(config.dataset);
  const problem = problemOf(counts, config.dataset);
  if (config.evaluation.path === null || !config.finetune.enabled) return { ...counts, warnings, problem };
  const testRows = evaluationDataset(config);
  const test = await read(testRows);
  const testProblem = problemOf(test.counts, testRows);
  return {
    ...counts,
    warnings: [...warnings, ...testWarnings(test.counts)],
    problem: problem ?? (testProblem && ofTestRows(testProblem)),
  };
}

type Counts = Omit<DatasetTally, 'extensionDiffersCount' | 'unreadKeys'>;

function problemOf(counts: Counts, dataset: DatasetConfig): string | null {
  const quarantined = new Map(counts.quarantined.map(({ reason, count }) => [reason, count]));
  try {
    requireUsable({ ...counts, quarantined }, dataset);
    requireKnownTasks(counts, dataset);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
