// Why rows are set aside: the reason codes.

/** Why a row is set aside. One code a row, with a detail in words beside it. */
export const REASONS = [
  // row
  'json_syntax',
  'invalid_utf8',
  'not_an_object',
  'row_too_large',
  'conversations_missing',
  'conversations_empty',
  'value_not_text',
  'role_unknown',
  'role_order',
  'answer_missing',
  'answer_empty',
  'answers_masked',
  'loss_flag_unclear',
  'placeholder_unfilled',
  'task_missing',
  // image reference
  'image_field_type',
  'image_path_escapes',
  'image_missing',
  'image_token_missing',
  'image_key_missing',
  'image_token_in_answer',
  'image_count_mismatch',
  'too_many_images',
  // image bytes
  'image_type_unsupported',
  'image_type_html',
  'image_truncated',
  'image_corrupt',
  'image_too_large',
  // videos and sounds
  'media_missing',
  'media_count_mismatch',
  'media_unsupported',
  'media_corrupt',
  'media_too_long',
  // text
  'reserved_text',
  'tokenization_mismatch',
  'processor_refused',
  'no_supervised_tokens',
  'image_cut_off',
  // numbers
  'loss_not_finite',
  'gradient_not_finite',
  'gradient_zero',
] as const;

export type Reason = (typeof REASONS)[number];

/** One line of `quarantine.jsonl`. */
export interface QuarantinedRow {
  rowIndex: number;
  /** Task label, null where the row has none or could not be read. */
  task: string | null;
  reason: Reason;
  /** What must hold and what was found, e.g. `turn 1: answer must not be empty, got ""`. */
  detail: string;
}

/** Counts by reason of a list in which a reason may stand several times, in the order of first appearance. */
export function sumByReason(counts: readonly { reason: Reason; count: number }[]): { reason: Reason; count: number }[] {
  const sums = new Map<Reason, number>();
  for (const { reason, count } of counts) sums.set(reason, (sums.get(reason) ?? 0) + count);
  return [...sums].map(([reason, count]) => ({ reason, count }));
}
