// What a dialogue must hold in whatever form a row has it: roles that alternate, answers, a placeholder a picture.
import type { JsonObject } from '../../contracts/json-object.ts';
import { quoted } from '../rows/row-outcome.ts';
import type { Rejection } from '../rows/row-outcome.ts';
import { IMAGE_PLACEHOLDER, placeholderCount } from './conversation.ts';
import type { Turn } from './conversation.ts';

/** Where a row has no list of turns, with the keys that it has. */
export function turnsMissing(fields: JsonObject, key: string): Rejection {
  const keys = Object.keys(fields);
  const shown = keys.slice(0, 8).map((name) => (name.length <= 40 ? name : `${name.slice(0, 39)}…`));
  return {
    reason: 'conversations_missing',
    detail: `${key} must be a list of turns, got ${quoted(fields[key])}; keys: ${shown.join(', ')}${remedyOf(keys)}`,
  };
}

function remedyOf(keys: readonly string[]): string {
  const texts = keys.filter((key) => key.endsWith('.json'));
  if (texts.length > 1) return '; members of a tar are one row up to the first dot of their names: rename them';
  return keys.length > 1 ? '; say by dataset.columns which key holds what' : '';
}

/** Where a row has more pictures than the recipe takes. */
export function tooManyImages(images: readonly string[], maxImages: number): Rejection | null {
  if (images.length <= maxImages) return null;
  return { reason: 'too_many_images', detail: `a row must have at most ${maxImages} images, got ${images.length}` };
}

/** What of a row's questions and answers is checked. */
export interface CheckedDialogue {
  /** Questions and answers, without a system text. */
  turns: readonly Turn[];
  /** Place of the first of them in the row, for messages. */
  firstTurn: number;
  imageCount: number;
  /** Key of the pictures, for messages. */
  imageKey: string;
}

/** Why a dialogue cannot be used, or null. */
export function checkDialogue(dialogue: CheckedDialogue): Rejection | null {
  return checkRoles(dialogue) ?? checkLearned(dialogue) ?? checkPlaceholders(dialogue);
}

function checkLearned({ turns }: CheckedDialogue): Rejection | null {
  const answers = turns.filter(({ role }) => role === 'gpt');
  if (!answers.every(({ masked }) => masked === true)) return null;
  return {
    reason: 'answers_masked',
    detail: `an answer must count for the loss, got ${answers.length} that are left out by loss, weight or train`,
  };
}

function checkRoles({ turns, firstTurn }: CheckedDialogue): Rejection | null {
  for (const [index, { role, value }] of turns.entries()) {
    const wanted = index % 2 === 0 ? 'human' : 'gpt';
    const place = `turn ${firstTurn + index}`;
    if (role !== wanted) return { reason: 'role_order', detail: `${place}: role must be ${wanted}, got ${role}` };
    if (role === 'gpt' && value.trim() === '')
      return { reason: 'answer_empty', detail: `${place}: answer must not be empty, got ${quoted(value)}` };
  }
  if (turns.length % 2 === 0 && turns.length > 0) return null;
  return { reason: 'answer_missing', detail: `every question must have an answer, got ${turns.length} turns` };
}

function checkPlaceholders({ turns, firstTurn, imageCount, imageKey }: CheckedDialogue): Rejection | null {
  const answer = turns.findIndex(({ role, value }) => role === 'gpt' && value.includes(IMAGE_PLACEHOLDER));
  if (answer >= 0)
    return {
      reason: 'image_token_in_answer',
      detail: `turn ${firstTurn + answer}: an answer must not contain <image>, got one`,
    };
  const count = turns.reduce((sum, { value }) => sum + placeholderCount(value), 0);
  if (count === 0 && imageCount > 0) {
    return {
      reason: 'image_token_missing',
      detail: 'an image row must contain <image>, got none; LLaVA would ignore the picture',
    };
  }
  if (count > 0 && imageCount === 0)
    return { reason: 'image_key_missing', detail: `<image> needs the key ${imageKey}, got none` };
  if (count !== imageCount)
    return {
      reason: 'image_count_mismatch',
      detail: `<image> count must equal images, got ${count} and ${imageCount}`,
    };
  return null;
}
