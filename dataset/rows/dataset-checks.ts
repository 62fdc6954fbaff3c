// Whether a dataset as a whole can be used, and whether its tasks count as published.
import type { DatasetConfig } from '../../contracts/config.ts';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import type { Reason } from '../../contracts/reasons.ts';
import { LLAVA_PUBLISHED_COUNTS } from '../tasks/task-rules.ts';

/** Share by which a task's count may differ from the published one before it is called out. */
const COUNT_TOLERANCE = 0.005;

/** Rows of a dataset: all, those that can be used, and those set aside by reason; usable + Σ quarantined = all. */
export interface DatasetCounts {
  rowCount: number;
  usableCount: number;
  quarantined: ReadonlyMap<Reason, number>;
}

/**
 * Whether the dataset as a whole can be used.
 * @throws InvalidDatasetError where no row has a label, no row is usable, or too many are set aside
 */
export function requireUsable({ rowCount, usableCount, quarantined }: DatasetCounts, dataset: DatasetConfig): void {
  const byCount = [...quarantined].sort(([, left], [, right]) => right - left);
  if (usableCount === 0 && byCount[0]?.[0] === 'task_missing') {
    throw new InvalidDatasetError(
      `dataset: rows must have "${dataset.taskField}" or task_rules must be set, got neither; run tive data label, or set task_rules: llava-1.5, prefix, single or cluster`,
    );
  }
  if (usableCount === 0) {
    const list = byCount.map(([reason, count]) => `${number(count)} ${reason}`).join(', ');
    throw new InvalidDatasetError(
      `dataset: at least one usable row must remain, got 0 of ${number(rowCount)} (${list || 'no rows'}); ${remedyOf(byCount[0]?.[0])}`,
    );
  }
  const badCount = rowCount - usableCount;
  if (badCount / rowCount > dataset.maxQuarantinedFraction) {
    const [most] = byCount[0]!;
    const fix = most.startsWith('image_') ? 'fix image_folder' : 'fix the rows';
    throw new InvalidDatasetError(
      `dataset: quarantined share must be at most ${dataset.maxQuarantinedFraction}, got ${Number((badCount / rowCount).toPrecision(3))} ` +
        `(${number(badCount)} of ${number(rowCount)}, mostly ${most}); ${fix} or raise max_quarantined_fraction`,
    );
  }
}

function remedyOf(most: Reason | undefined): string {
  if (most === undefined) return 'take a file with rows';
  if (most === 'json_syntax') return 'a file that begins with { must hold a row a line';
  return most.startsWith('image_') ? 'check image_folder' : 'fix the rows';
}

/** Warnings where the rules for LLaVA-1.5 give other counts than the published file has. */
export function countWarnings(counts: ReadonlyMap<string, number>): string[] {
  return Object.entries(LLAVA_PUBLISHED_COUNTS).flatMap(([task, wanted]) => {
    const got = counts.get(task) ?? 0;
    if (Math.abs(got - wanted) <= COUNT_TOLERANCE * wanted) return [];
    return [
      `task rules llava-1.5: ${task} must count ${number(wanted)}, got ${number(got)}; the file is not llava_v1_5_mix665k`,
    ];
  });
}

function number(value: number): string {
  return value.toLocaleString('en');
}
