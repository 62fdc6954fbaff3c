// Keys by which trainers leave an answer out of the loss: its text is given, and not learned.
import type { JsonObject } from '../../contracts/json-object.ts';
import { quoted } from '../rows/row-outcome.ts';
import type { Rejection } from '../rows/row-outcome.ts';
import type { Turn } from './conversation.ts';

/**
 * Keys of a turn that say whether it is learned: ms-swift's and XTuner's `loss`, ms-swift's `loss_scale`, the `weight`
 * of OpenAI's and Mistral's fine-tuning, the names that axolotl's documentation and its older forms use.
 */
export const LOSS_KEYS = ['loss', 'loss_scale', 'weight', 'train', 'train_on_turn', 'training', 'trainable'] as const;

/** Axolotl's list of an answer's parts, `{ begin_offset, end_offset, train }`. */
const PARTS_KEY = 'train_detail';

/**
 * An answer with what its turn says of its loss: false and 0 mask it, where one of the keys says so, and `mask: true`.
 * Other numbers count as 1, which `row-keys.ts` tells. An answer that is learned in parts cannot be used: labels begin
 * and end with it.
 */
export function withLossFlag(turn: Turn, fields: JsonObject, index: number): Turn | Rejection {
  if (turn.role !== 'gpt') return turn;
  let masked = fields['mask'] === true;
  for (const key of LOSS_KEYS) {
    const flag = fields[key] ?? null;
    if (flag === null) continue;
    const isFlag = typeof flag === 'boolean' || (typeof flag === 'number' && flag >= 0);
    if (!isFlag) return unclear(`turn ${index}: ${key} must be true, false or a number from 0, got ${quoted(flag)}`);
    masked ||= Number(flag) === 0;
  }
  if (masked) return { ...turn, masked };
  if (!learnsInParts(fields[PARTS_KEY])) return turn;
  return unclear(
    `turn ${index}: an answer must be learned as a whole or not at all, got ${PARTS_KEY} with train: false; split the answer`,
  );
}

function learnsInParts(parts: unknown): boolean {
  return Array.isArray(parts) && parts.some((part: JsonObject | null) => part?.['train'] === false);
}

function unclear(detail: string): Rejection {
  return { reason: 'loss_flag_unclear', detail };
}
