// Copies of rows whose pictures are changed so that their answers stay right: what is done, and why a copy is plain.
import type { AllocationConfig } from './config.ts';

/** What is done to a picture. Its size stays, so that a row has the same tokens whatever the model's processor does. */
export const PICTURE_OPERATIONS = ['border', 'crop', 'flip', 'brightness', 'resample'] as const;

export type PictureOperation = (typeof PICTURE_OPERATIONS)[number];

/** One operation and how much of it. */
export interface PictureChange {
  operation: PictureOperation;
  /** What the entry of {@link PARAMETERS} says; 0 for an operation without one. */
  parameter: number;
}

/** What the parameter of each operation is, and between which numbers its size is drawn; null: it has none. */
export const PARAMETERS = {
  border: { of: 'part of each edge that a border on each side takes', least: 0.02, most: 0.05, isSigned: false },
  crop: { of: 'part of the area that is kept', least: 0.95, most: 0.98, isSigned: false },
  flip: null,
  brightness: { of: 'change of every level, in parts of it', least: 0.02, most: 0.05, isSigned: true },
  resample: { of: 'part of each edge that the picture is made small to', least: 0.7, most: 0.9, isSigned: false },
} as const satisfies Record<PictureOperation, { of: string; least: number; most: number; isSigned: boolean } | null>;

/** Why no copy of a row is changed, in words. */
export const PLAIN_REASONS = {
  no_picture: 'rows without pictures',
  has_clips: 'rows with videos or sounds',
  not_english: 'rows whose texts are not known to be English',
  reads_or_grounds: 'rows that read text or name places in the picture',
  task_reads_or_grounds: 'rows of tasks that do so',
  forbidden_words: 'rows with words that every operation could make wrong',
} as const;

export type PlainReason = keyof typeof PLAIN_REASONS;

/** Copies of a task's rows beyond the first of each: how many were changed by what, and why the others were not. */
export interface CopyCounts {
  task: string;
  changed: Partial<Record<PictureOperation, number>>;
  plain: Partial<Record<PlainReason, number>>;
}

/** A change in words: `border 3.4 %`, `brightness −2 %`. */
export function changeText({ operation, parameter }: PictureChange): string {
  if (PARAMETERS[operation] === null) return operation;
  const percent = Number((Math.abs(parameter) * 100).toFixed(2));
  const sign = PARAMETERS[operation].isSigned ? (parameter < 0 ? '−' : '+') : '';
  return `${operation} ${sign}${percent} %`;
}

/** Whether a recipe's repeated rows have changed pictures. */
export function changesCopies({ overflow, augment }: Pick<AllocationConfig, 'overflow' | 'augment'>): boolean {
  return overflow === 'repeat' && augment === 'pictures';
}

/** How many copies are changed. */
export function changedCountOf(tasks: readonly CopyCounts[]): number {
  return tasks.reduce((sum, { changed }) => Object.values(changed).reduce((all, count) => all + count, sum), 0);
}
