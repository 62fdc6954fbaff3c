// What a person should know of a dataset and of test rows, and what must be refused of them as a whole.
import type { DatasetConfig } from '../../contracts/config.ts';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import { meaningOf } from '../../dataset/forms/trainer-keys.ts';
import { countWarnings } from '../../dataset/rows/dataset-checks.ts';
import type { DatasetTally } from '../../dataset/rows/tally.ts';

/** What is said of a dataset, said of test rows. */
export function ofTestRows(message: string): string {
  return message.replace(/^dataset(\.path)?: /, 'evaluation.path: ');
}

/** What a person should know of test rows. */
export function testWarnings({
  rowCount,
  usableCount,
  quarantined,
}: Pick<ScanResult, 'rowCount' | 'usableCount' | 'quarantined'>): string[] {
  if (usableCount === rowCount) return [];
  const reasons = quarantined.filter(({ count }) => count > 0).map(({ reason, count }) => `${count} ${reason}`);
  return [
    `evaluation.path: test rows must be usable, got ${rowCount - usableCount} of ${rowCount} set aside (${reasons.join(', ')})`,
  ];
}

/** @throws InvalidDatasetError where an excluded task is none of the dataset's */
export function requireKnownTasks({ tasks }: Pick<DatasetTally, 'tasks'>, { excludeTasks }: DatasetConfig): void {
  const unknown = excludeTasks.find((name) => !tasks.some(({ task }) => task === name));
  if (unknown === undefined) return;
  const names = tasks.map(({ task }) => task).join(', ');
  throw new InvalidDatasetError(`dataset.exclude_tasks: tasks must exist, got "${unknown}"; known: ${names}`);
}

/** What a person should know of a dataset that can be used. */
export function datasetWarnings(
  { tasks }: Pick<DatasetTally, 'tasks'>,
  { extensionDiffersCount, ignored }: Pick<DatasetTally, 'extensionDiffersCount' | 'ignored'>,
  { taskRules, maxRows }: DatasetConfig,
): string[] {
  const warnings =
    extensionDiffersCount > 0
      ? [`images: extension must match the content, got ${extensionDiffersCount} that differ; decoded by content`]
      : [];
  for (const { key, count } of ignored)
    warnings.push(
      `key ${key}: must have no meaning for a trainer, got ${count} rows; elsewhere ${meaningOf(key)}, ignored here`,
    );
  for (const { task, rowCount, usableCount } of tasks)
    if (usableCount === 0)
      warnings.push(`task ${task}: must have a usable row to get a share, got none of ${rowCount}`);
  const isWhole = taskRules === 'llava-1.5' && maxRows === null && tasks.some(({ task }) => task === 'vqav2_okvqa');
  if (isWhole) warnings.push(...countWarnings(new Map(tasks.map(({ task, rowCount }) => [task, rowCount]))));
  return warnings;
}
