import type { TaskRules } from '../contracts/config.ts';
import type { ParsedRow } from './parse-row.ts';

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

const LLAVA_FOLDERS: readonly [string, string][] = [
  ['gqa/', 'gqa'],
  ['ocr_vqa/', 'ocrvqa'],
  ['textvqa/', 'textcaps'],
  ['vg/', 'vg'],
];

/** Texts of the human turns that tell the COCO tasks apart, first match wins. */
const LLAVA_COCO_TEXTS: readonly [string, string][] = [
  ["answer with the option's letter from the given choices", 'aokvqa'],
  ['short description for this region', 'refcoco'],
  ['bounding box coordinate of the region', 'refcoco'],
  ['answer the question using a single word or phrase', 'vqav2_okvqa'],
];

/** The row's own label, else the one that the rules give, else null. */
export function taskOf(row: Pick<ParsedRow, 'task' | 'images' | 'turns'>, rules: TaskRules): string | null {
  if (row.task !== null || rules === null) return row.task;
  if (rules === 'single') return 'all';
  const [image] = row.images;
  if (rules === 'prefix') return image === undefined ? 'text' : folderOf(image);
  return llavaTask(row, image);
}

/** The first folder of a path. */
function folderOf(image: string): string {
  const end = image.indexOf('/');
  return end > 0 ? image.slice(0, end) : 'no_folder';
}

function llavaTask({ turns }: Pick<ParsedRow, 'turns'>, image: string | undefined): string {
  if (image === undefined) return 'sharegpt';
  const folder = LLAVA_FOLDERS.find(([prefix]) => image.startsWith(prefix));
  if (folder !== undefined) return folder[1];
  if (!image.startsWith('coco/')) return 'other';
  const questions = turns
    .filter(({ role }) => role === 'human')
    .map(({ value }) => value.toLowerCase().replaceAll('’', "'"));
  const found = LLAVA_COCO_TEXTS.find(([text]) => questions.some((question) => question.includes(text)));
  return found?.[1] ?? 'llava_instruct';
}
