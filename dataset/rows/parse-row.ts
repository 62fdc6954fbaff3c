import type { DatasetConfig } from '../../contracts/config.ts';
import { IMAGE_PLACEHOLDER, placeholderCount } from '../forms/conversation.ts';
import type { Turn } from '../forms/conversation.ts';
import { MESSAGES_FORM, readForm, SHAREGPT_FORM, turnsMissing } from '../forms/row-form.ts';
import type { RowForm } from '../forms/row-form.ts';
import { rawFields } from './raw-json.ts';
import { isRejection, quoted } from './row-outcome.ts';
import type { Rejection } from './row-outcome.ts';

/** A row whose form is right; whether its pictures are there is another question. */
export interface ParsedRow {
  /** JSON text of `id`, or null. */
  id: string | null;
  /** The row's own label, a number as its text; or null. */
  task: string | null;
  /** Paths as given. */
  images: string[];
  /** As read, for the content hash. */
  turns: Turn[];
  /** As the model is asked: pictures in front, alternating roles. */
  promptTurns: Turn[];
}

/** What is known of a row before it is rejected. */
export interface RowIdentity {
  id: string | null;
  task: string | null;
}

export interface ParseOptions extends Pick<DatasetConfig, 'format' | 'taskField' | 'maxImages'> {
  /** Names that the file's own description gives, or null. */
  form: RowForm | null;
}

type Json = Record<string, unknown>;

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses one row. A LLaVA row is `{ id, image?, conversations: [{ from, value }] }`: the presence of the key `image`
 * decides the modality; in an image row every turn with `<image>` becomes `<image>⏎` and the rest, stripped; one leading
 * turn that is not `human` is dropped; then roles alternate human, gpt. Differs: `image: null` counts as absent.
 *
 * Rows of other forms ({@link readForm}) keep their texts as they are, and a system text.
 * @see haotian-liu/LLaVA `llava/train/train.py`
 */
export function parseRow(bytes: Uint8Array | null, options: ParseOptions): ParsedRow | (Rejection & RowIdentity) {
  const read = readFields(bytes);
  return isRejection(read) ? { id: null, task: null, ...read } : parseFieldsOf(read, options);
}

/** A row as an object. */
export interface RowFields {
  fields: Json;
  /** What it was read from. */
  text: string;
}

/** The object that a row's bytes hold. */
export function readFields(bytes: Uint8Array | null): RowFields | Rejection {
  if (bytes === null) return { reason: 'row_too_large', detail: 'row must have at most 16 MiB, got more' };
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch {
    return { reason: 'invalid_utf8', detail: 'row must be UTF-8, got other bytes' };
  }
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (error) {
    return { reason: 'json_syntax', detail: `must be valid JSON, got ${syntaxProblem(error as Error)}` };
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    return { reason: 'not_an_object', detail: `row must be an object, got ${quoted(row)}` };
  }
  return { fields: row as Json, text };
}

/** {@link parseRow} of an object that is read already. */
export function parseFieldsOf(
  { fields, text }: RowFields,
  options: ParseOptions,
): ParsedRow | (Rejection & RowIdentity) {
  const label = fields[options.taskField];
  const identity = {
    id: idOf(fields['id'], text),
    task: typeof label === 'number' ? String(label) : typeof label === 'string' && label !== '' ? label : null,
  };
  const parsed = unreadMedia(fields, options) ?? parseFields(fields, options);
  return isRejection(parsed) ? { ...identity, ...parsed } : { ...identity, ...parsed };
}

/** JSON text of a row's `id`, null for none. A number that JavaScript would round is as the row has it. */
function idOf(id: unknown, text: string): string | null {
  if (id === undefined) return null;
  const isRounded = typeof id !== 'string' && !Number.isSafeInteger(id);
  return (isRounded ? rawFields(text).get('id') : undefined) ?? JSON.stringify(id);
}

/** A row about a video or a sound without pictures would be learnt as text: it is set aside. */
function unreadMedia(fields: Json, options: ParseOptions): Rejection | null {
  const key = ['video', 'videos', 'audio', 'audios'].find((name) => hasContent(fields[name]));
  if (
    key === undefined ||
    hasContent(fields['image']) ||
    hasContent(fields[formOf(fields, options)?.images ?? 'image'])
  )
    return null;
  return {
    reason: 'image_type_unsupported',
    detail: `row must have pictures, got ${key}; give frames as a list of images`,
  };
}

function hasContent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
}

/** What V8 says of a text that is not JSON, without its excerpt of the text and its position. */
function syntaxProblem({ message }: Error): string {
  return message
    .replace(/, (\.\.\.)?".*$/s, '')
    .replace(/ (in|of|after|is not valid) JSON.*$/s, '')
    .replace(/^Unexpected/, 'an unexpected')
    .replace(/^[A-Z]/, (letter) => letter.toLowerCase());
}

function parseFields(fields: Json, options: ParseOptions): Omit<ParsedRow, keyof RowIdentity> | Rejection {
  const form = formOf(fields, options);
  return form === null ? parseLlava(fields, options) : parseFormed(fields, form, options);
}

/** Name of the form that a row is read in. */
export function formNameOf(fields: Json, options: ParseOptions): 'llava' | 'sharegpt' | 'messages' | 'described' {
  const form = formOf(fields, options);
  if (form === null) return 'llava';
  if (form === MESSAGES_FORM) return 'messages';
  return form === SHAREGPT_FORM ? 'sharegpt' : 'described';
}

/** By the recipe, else by the file's own description, else by the row's keys; null is LLaVA's form. */
function formOf(fields: Json, { format, form }: ParseOptions): RowForm | null {
  if (format === 'llava') return null;
  if (format === 'messages') return MESSAGES_FORM;
  if (form !== null) return form;
  if (format === 'sharegpt') return SHAREGPT_FORM;
  if (fields['conversations'] === undefined && fields['messages'] !== undefined) return MESSAGES_FORM;
  return fields['image'] === undefined && fields['images'] !== undefined ? SHAREGPT_FORM : null;
}

function parseFormed(
  fields: Json,
  form: RowForm,
  { maxImages }: ParseOptions,
): Omit<ParsedRow, keyof RowIdentity> | Rejection {
  const formed = readForm(fields, form);
  if (isRejection(formed)) return formed;
  const { turns, images } = formed;
  const asked = turns[0]?.role === 'system' ? turns.slice(1) : turns;
  const firstTurn = (fields[form.turns] as unknown[]).length - asked.length;
  const problem =
    tooManyImages(images, maxImages) ??
    checkRoles(asked, firstTurn) ??
    checkPlaceholders(asked, firstTurn, images.length, form.images);
  return problem ?? { images, turns, promptTurns: turns };
}

function tooManyImages(images: readonly string[], maxImages: number): Rejection | null {
  if (images.length <= maxImages) return null;
  return { reason: 'too_many_images', detail: `a row must have at most ${maxImages} images, got ${images.length}` };
}

function parseLlava(fields: Json, { maxImages }: ParseOptions): Omit<ParsedRow, keyof RowIdentity> | Rejection {
  const images = parseImages(fields);
  if (isRejection(images)) return images;
  const surplus = tooManyImages(images, maxImages);
  if (surplus !== null) return surplus;
  const turns = parseTurns(fields);
  if (isRejection(turns)) return turns;
  const hasImage = images.length > 0;
  // A leading turn of another role than gpt is not among the turns any more: no second one is dropped.
  const isDropped = turns.length < (fields['conversations'] as unknown[]).length;
  const answering = isDropped || turns[0]?.role === 'human' ? turns : turns.slice(1);
  const firstTurn = isDropped || answering !== turns ? 1 : 0;
  const problem = checkRoles(answering, firstTurn) ?? checkPlaceholders(answering, firstTurn, images.length, 'image');
  if (problem !== null) return problem;
  const promptTurns = hasImage ? answering.map(({ role, value }) => ({ role, value: normalise(value) })) : answering;
  return { images, turns, promptTurns };
}

function parseImages(fields: Json): string[] | Rejection {
  const { image } = fields;
  if (image === undefined || image === null) return [];
  const list = Array.isArray(image) ? image : [image];
  if (list.every((path) => typeof path === 'string' && path !== '')) return list as string[];
  return { reason: 'image_field_type', detail: `image must be a path or a list of paths, got ${quoted(image)}` };
}

function parseTurns(fields: Json): Turn[] | Rejection {
  const { conversations } = fields;
  if (!Array.isArray(conversations)) return turnsMissing(fields, 'conversations');
  if (conversations.length === 0)
    return { reason: 'conversations_empty', detail: 'conversations must have a turn, got none' };
  const turns: Turn[] = [];
  for (const [index, turn] of (conversations as Json[]).entries()) {
    const { from, value } = (turn ?? {}) as Json;
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
    turns.push({ role: from, value });
  }
  return turns;
}

/** @param firstTurn place of the first of the turns in the row, for messages */
function checkRoles(turns: readonly Turn[], firstTurn: number): Rejection | null {
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

function checkPlaceholders(
  turns: readonly Turn[],
  firstTurn: number,
  imageCount: number,
  key: string,
): Rejection | null {
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
    return { reason: 'image_key_missing', detail: `<image> needs the key ${key}, got none` };
  if (count !== imageCount)
    return {
      reason: 'image_count_mismatch',
      detail: `<image> count must equal images, got ${count} and ${imageCount}`,
    };
  return null;
}

/** `<image>` first, on a line of its own, then the rest, stripped. */
function normalise(value: string): string {
  const count = placeholderCount(value);
  if (count === 0) return value;
  return `${`${IMAGE_PLACEHOLDER}\n`.repeat(count)}${value.replaceAll(IMAGE_PLACEHOLDER, '').trim()}`.trim();
}
