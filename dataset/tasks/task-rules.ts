// Tasks of rows by rules: those of published mixtures, by folder, one for all, or a recipe's own.
import type { TaskRule, TaskRules } from '../../contracts/config.ts';
import { isInline } from '../images/inline-image.ts';
import { PICTURE_NAME } from '../readers/packed-row.ts';
import type { ParsedRow } from '../rows/parse-row.ts';

/** Rows of each task in the published file; they sum to 665,298 (haotian-liu/LLaVA#702, #657). */
export const LLAVA_PUBLISHED_COUNTS: Readonly<Record<string, number>> = {
  sharegpt: 40_688,
  gqa: 72_140,
  ocrvqa: 80_000,
  textcaps: 21_953,
  vg: 86_417,
  aokvqa: 66_160,
  refcoco: 48_447,
  vqav2_okvqa: 91_781,
  llava_instruct: 157_712,
};

const LLAVA_RULES: readonly TaskRule[] = [
  { task: 'sharegpt', image: null },
  { task: 'gqa', image: 'gqa/' },
  { task: 'ocrvqa', image: 'ocr_vqa/' },
  { task: 'textcaps', image: 'textvqa/' },
  { task: 'vg', image: 'vg/' },
  { task: 'aokvqa', image: 'coco/', question: "answer with the option's letter from the given choices" },
  { task: 'refcoco', image: 'coco/', question: 'short description for this region' },
  { task: 'refcoco', image: 'coco/', question: 'bounding box coordinate of the region' },
  { task: 'vqav2_okvqa', image: 'coco/', question: 'answer the question using a single word or phrase' },
  { task: 'llava_instruct', image: 'coco/' },
  { task: 'other' },
];

/** The row's own label, else the one that the rules give, else null. */
export function taskOf(
  row: Pick<ParsedRow, 'task' | 'images' | 'turns'>,
  rules: Exclude<TaskRules, 'cluster'>,
): string | null {
  if (row.task !== null || rules === null) return row.task;
  if (rules === 'single') return 'all';
  const [image] = row.images;
  if (rules === 'prefix') return image === undefined ? 'text' : folderOf(image);
  return firstFit(row, image, rules === 'llava-1.5' ? LLAVA_RULES : rules);
}

/** The first folder of a path. Pictures that were packed with their rows, or stand in them, have none of their own. */
function folderOf(image: string): string {
  const end = isInline(image) ? -1 : image.indexOf('/');
  return end > 0 && !PICTURE_NAME.test(image) ? image.slice(0, end) : 'no_folder';
}

/** Task of the first rule that fits. Case does not matter in questions, and `’` is `'`. */
function firstFit(
  { turns }: Pick<ParsedRow, 'turns'>,
  image: string | undefined,
  rules: readonly TaskRule[],
): string | null {
  let questions: string[] | null = null;
  for (const rule of rules) {
    if (rule.image === null && image !== undefined) continue;
    if (typeof rule.image === 'string' && image?.startsWith(rule.image) !== true) continue;
    if (rule.question === undefined) return rule.task;
    const wanted = plain(rule.question);
    questions ??= turns.filter(({ role }) => role === 'human').map(({ value }) => plain(value));
    if (questions.some((question) => question.includes(wanted))) return rule.task;
  }
  return null;
}

function plain(text: string): string {
  return text.toLowerCase().replaceAll('’', "'");
}
