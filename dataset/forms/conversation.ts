// Dialogues as every form gives them.
import type { JsonObject } from '../../contracts/json-object.ts';

/** One turn of a dialogue. */
export interface Turn {
  /** A system text comes first alone. */
  role: 'system' | 'human' | 'gpt';
  value: string;
  /** An answer that the row takes out of the loss; it stays in the dialogue. */
  isMasked?: true;
}

/** Keys of a turn by which trainers take an answer out of the loss: ms-swift, axolotl, OpenAI's fine-tuning. */
const LOSS_KEYS = ['loss', 'weight', 'train', 'training', 'trainable'];

/** A turn; an answer is out of the loss where the row's own turn says so: `loss: false`, `weight: 0`, `mask: true`. */
export function toTurn(role: Turn['role'], value: string, given: JsonObject): Turn {
  const isOut = LOSS_KEYS.some((key) => given[key] === false || given[key] === 0) || given['mask'] === true;
  return role === 'gpt' && isOut ? { role, value, isMasked: true } : { role, value };
}

/** The placeholder of a picture in a text. */
export const IMAGE_PLACEHOLDER = '<image>';

/** How often the placeholder stands in a text. */
export function placeholderCount(text: string): number {
  return text.split(IMAGE_PLACEHOLDER).length - 1;
}
