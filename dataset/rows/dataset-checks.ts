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
    throw new InvalidDatasetError(
      `dataset: quarantined share must be at most ${dataset.maxQuarantinedFraction}, got ${Number((badCount / rowCount).toPrecision(3))} ` +
        `(${number(badCount)} of ${number(rowCount)}, mostly ${most}); ${remedyOf(most)} or raise max_quarantined_fraction`,
    );
  }
}

function remedyOf(most: Reason | undefined): string {
  return most === undefined ? 'take a file with rows' : (REMEDIES[most] ?? 'fix the rows');
}

/** What mends most rows of a reason at once, where there is such a thing. */
const REMEDIES: Partial<Record<Reason, string>> = {
  json_syntax: 'a file that begins with { must hold a row a line',
  conversations_missing: 'say by dataset.columns which keys hold the dialogue',
  value_not_text: 'say by dataset.columns which keys hold texts',
  answers_masked: 'give an answer that counts',
  loss_flag_unclear: 'say true or false of every answer',
  placeholder_unfilled: 'write out what the placeholders stand for',
  role_unknown: 'name the roles as docs/data.md says',
  image_missing: 'check image_folder',
  image_path_escapes: 'set image_folder to a folder above the pictures',
  image_token_missing: 'write <image> where the picture belongs',
  image_key_missing: 'say by dataset.columns which key names the picture',
  too_many_images: 'raise dataset.max_images',
  image_type_unsupported: 'convert the pictures to PNG or JPEG',
  image_type_html: 'download the pictures again',
  image_truncated: 'download the pictures again',
  image_corrupt: 'write the pictures again',
  media_missing: 'check image_folder',
  media_count_mismatch: 'write <video> or <audio> where each belongs',
  media_unsupported: 'name a model that takes them, or install what reads them',
  media_corrupt: 'write the files again',
  media_too_long: 'cut them',
  reserved_text: 'take special tokens out of the texts',
  no_supervised_tokens: 'raise gradients.cutoff_len',
  image_cut_off: 'raise gradients.cutoff_len',
};

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
