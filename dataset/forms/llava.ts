// The form `llava`: rows of LLaVA's own JSON, `{ id, image?, conversations: [{ from, value }] }`.
// See haotian-liu/LLaVA `llava/train/train.py`
import type { JsonObject } from '../../contracts/json-object.ts';
import { isRejection, quoted } from '../rows/row-outcome.ts';
import type { Rejection } from '../rows/row-outcome.ts';
import { IMAGE_PLACEHOLDER, placeholderCount } from './conversation.ts';
import type { Turn } from './conversation.ts';
import { checkDialogue, tooManyImages, turnsMissing } from './dialogue-checks.ts';
import type { Dialogue, Form } from './form.ts';
import { withLossFlag } from './loss-flags.ts';
import { asList } from './turn-list.ts';

/**
 * The presence of the key `image` decides the modality; in an image row every turn with `<image>` becomes `<image>⏎`
 * and the rest, stripped; one leading turn that is not `human` is dropped; then roles alternate human, gpt.
 * Differs: `image: null` counts as absent.
 */
export const LLAVA_FORM: Form<'llava'> = {
  name: 'llava',
  images: 'image',
  keys: ['conversations', 'image'],
  fits: () => true,
  read: readLlava,
};

function readLlava(fields: JsonObject, maxImages: number): Dialogue | Rejection {
  const images = readImages(fields);
  if (isRejection(images)) return images;
  const surplus = tooManyImages(images, maxImages);
  if (surplus !== null) return surplus;
  const turns = readTurns(fields);
  if (isRejection(turns)) return turns;
  // A leading turn of another role than gpt is not among the turns any more: no second one is dropped.
  const isDropped = turns.length < (asList(fields['conversations']) as unknown[]).length;
  const answering = isDropped || turns[0]?.role === 'human' ? turns : turns.slice(1);
  const firstTurn = isDropped || answering !== turns ? 1 : 0;
  const problem = checkDialogue({ turns: answering, firstTurn, imageCount: images.length, imageKey: 'image' });
  if (problem !== null) return problem;
  const hasImage = images.length > 0;
  const promptTurns = hasImage ? answering.map((turn) => ({ ...turn, value: normalise(turn.value) })) : answering;
  return { images, turns, promptTurns };
}

function readImages({ image }: JsonObject): string[] | Rejection {
  if (image === undefined || image === null) return [];
  const given = asList(image);
  const list = Array.isArray(given) ? given : [image];
  if (list.every((path) => typeof path === 'string' && path !== '')) return list as string[];
  return { reason: 'image_field_type', detail: `image must be a path or a list of paths, got ${quoted(image)}` };
}

function readTurns(fields: JsonObject): Turn[] | Rejection {
  const conversations = asList(fields['conversations']);
  if (!Array.isArray(conversations)) return turnsMissing(fields, 'conversations');
  if (conversations.length === 0)
    return { reason: 'conversations_empty', detail: 'conversations must have a turn, got none' };
  const turns: Turn[] = [];
  for (const [index, turn] of (conversations as (JsonObject | null)[]).entries()) {
    const { from, value } = turn ?? {};
    if (from !== 'human' && from !== 'gpt') {
      // LLaVA drops one leading turn of any role, a system text for instance.
      const isLeading = index === 0 && typeof from === 'string' && from !== 'user' && from !== 'assistant';
      if (isLeading && conversations.length > 1) continue;
      return {
        reason: 'role_unknown',
        detail: `turn ${index}: from must be human or gpt, got ${quoted(from)}; use format: messages`,
      };
    }
    if (typeof value !== 'string')
      return { reason: 'value_not_text', detail: `turn ${index}: value must be text, got ${quoted(value)}` };
    const read = withLossFlag({ role: from, value }, turn ?? {}, index);
    if (isRejection(read)) return read;
    turns.push(read);
  }
  return turns;
}

/** `<image>` first, on a line of its own, then the rest, stripped. */
function normalise(value: string): string {
  const count = placeholderCount(value);
  if (count === 0) return value;
  return `${`${IMAGE_PLACEHOLDER}\n`.repeat(count)}${value.replaceAll(IMAGE_PLACEHOLDER, '').trim()}`.trim();
}
