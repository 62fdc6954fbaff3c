// What a reader of the report must know before trusting its numbers.
import type { RunSummary, TaskSummary } from '../contracts/summary.ts';
import { count, plural, share, shorten } from './format.ts';

/** Names that one notice lists. */
const LISTED = 5;

/** What a reader must know before trusting the numbers, most pressing first, then the stages' own warnings. */
export function notices(summary: RunSummary): string[] {
  return [
    ...engineNotices(summary),
    ...quarantineNotices(summary),
    ...cappedNotices(summary),
    ...copyNotices(summary),
    ...duplicateNotices(summary),
    ...summary.warnings,
  ];
}

/** The reason of a fallback comes as a warning of its stage; this says it where no stage did. */
function engineNotices({ facts, config, warnings }: RunSummary): string[] {
  const { engine } = facts;
  const told = warnings.some((warning) => warning.startsWith('engine'));
  if (engine === null || engine.engine === 'tensorflow' || config.model.engine !== 'auto' || told) return [];
  return [
    `The ${engine.engine} engine computed this run because the tensorflow library could not be used; tive doctor says why.`,
  ];
}

function quarantineNotices({ quarantine, dataset }: RunSummary): string[] {
  const total = quarantine.reduce((sum, { count: rows }) => sum + rows, 0);
  if (total === 0) return [];
  const reasons = listed(quarantine.map(({ reason, count: rows }) => `${count(rows)} ${reason}`));
  return [
    `${plural(total, 'row')} of ${count(dataset.rowCount)} (${share(total / dataset.rowCount)}) could not be used and were set aside: ${reasons}.`,
  ];
}

/** Tasks whose quota was cut to all rows that they have. */
export function isCapped({ ideal, quota, usableCount }: TaskSummary): boolean {
  return ideal !== null && quota !== null && ideal > usableCount && quota === usableCount;
}

function cappedNotices({ tasks }: RunSummary): string[] {
  const capped = tasks.filter(isCapped);
  if (capped.length === 0) return [];
  const names = listed(
    capped.map(
      ({ task, ideal, usableCount }) => `${shorten(task, 40)} (wanted ${count(ideal)}, has ${count(usableCount)})`,
    ),
  );
  return [
    `${plural(capped.length, 'task')} had fewer rows than the quota asked for; all were taken and the rest went to other tasks: ${names}.`,
  ];
}

function copyNotices({ tasks }: RunSummary): string[] {
  const repeated = tasks.filter(({ copyCount, selectedCount }) => copyCount > selectedCount);
  if (repeated.length === 0) return [];
  const names = listed(
    repeated.map(
      ({ task, copyCount, selectedCount }) => `${shorten(task, 40)} (${count(copyCount)} from ${count(selectedCount)})`,
    ),
  );
  return [`Rows were repeated to fill the quota of ${plural(repeated.length, 'task')}: ${names}.`];
}

function duplicateNotices({ dataset }: RunSummary): string[] {
  if (dataset.duplicateCount === 0) return [];
  const fraction = share(dataset.duplicateCount / dataset.rowCount);
  return [`Rows with the content of another row: ${count(dataset.duplicateCount)} (${fraction}); none was removed.`];
}

function listed(names: readonly string[]): string {
  return names.length > LISTED
    ? `${names.slice(0, LISTED).join(', ')} and ${names.length - LISTED} more`
    : names.join(', ');
}
