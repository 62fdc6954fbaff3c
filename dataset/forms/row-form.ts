// Forms that differ by names alone: of a row's keys, of a turn's, and of the roles.
import type { JsonObject } from '../../contracts/json-object.ts';
import { IMAGE_PLACEHOLDER } from './conversation.ts';
import type { Turn } from './conversation.ts';
import { checkDialogue, tooManyImages, turnsMissing } from './dialogue-checks.ts';
import type { Dialogue, Form } from './form.ts';
import { withLossFlag } from './loss-flags.ts';
import { isRejection, quoted } from '../rows/row-outcome.ts';
import type { Rejection } from '../rows/row-outcome.ts';
import { asList } from './turn-list.ts';

/** Names by which a row holds its dialogue and pictures: columns and tags of LLaMA-Factory's `dataset_info.json`. */
export interface RowForm {
  /** Key of the list of turns. */
  turns: string;
  /** Key of the list of picture paths. */
  images: string;
  /** Key of a system text beside the turns, or null. */
  system: string | null;
  /** Keys within a turn. */
  role: string;
  content: string;
  /** Roles by which the turns are told apart. */
  user: string;
  assistant: string;
  systemRole: string;
}

/** Keys under which a part of a content names its picture. */
export const PART_IMAGE_KEYS = ['image', 'path', 'url', 'image_url'] as const;

/** The form of rows with these names. Texts stay as they are; a system text comes first alone. */
export function namedForm<const Name extends string>(name: Name, names: RowForm, fits: Form['fits']): Form<Name> {
  const { turns, images, system } = names;
  return {
    name,
    images,
    keys: [turns, images, ...(system === null ? [] : [system])],
    fits,
    read: (fields, maxImages) => readNamed(fields, names, maxImages),
  };
}

function readNamed(fields: JsonObject, form: RowForm, maxImages: number): Dialogue | Rejection {
  const found = findTurns(fields, form);
  if (isRejection(found)) return found;
  const { turns, images } = found;
  const asked = turns[0]?.role === 'system' ? turns.slice(1) : turns;
  const firstTurn = found.listLength - asked.length;
  const problem =
    tooManyImages(images, maxImages) ??
    checkDialogue({ turns: asked, firstTurn, imageCount: images.length, imageKey: form.images });
  return problem ?? { images, turns, promptTurns: turns };
}

interface FoundTurns extends Pick<Dialogue, 'images' | 'turns'> {
  /** Turns of the row's own list. */
  listLength: number;
}

/**
 * A row's turns and pictures by names. A content is a text, or a list of parts `{ type: "text", text }`,
 * `{ type: "image", image? }` and `{ type: "image_url", image_url: { url } }`, in which a picture stands for `<image>`.
 */
function findTurns(fields: JsonObject, form: RowForm): FoundTurns | Rejection {
  const listed = readImageList(fields[form.images], form.images);
  if (isRejection(listed)) return listed;
  const list = asList(fields[form.turns]);
  if (!Array.isArray(list)) return turnsMissing(fields, form.turns);
  if (list.length === 0) return { reason: 'conversations_empty', detail: `${form.turns} must have a turn, got none` };
  const turns: Turn[] = [];
  const system = form.system === null ? undefined : fields[form.system];
  if (typeof system === 'string' && system !== '') turns.push({ role: 'system', value: system });
  const inParts: string[] = [];
  for (const [index, turn] of (list as unknown[]).entries()) {
    const given = (turn ?? {}) as JsonObject;
    const { [form.role]: from, [form.content]: content } = given;
    const role = roleOf(from, form, index);
    if (role === null) {
      const wanted = `${form.role} must be ${form.user} or ${form.assistant}`;
      return { reason: 'role_unknown', detail: `turn ${index}: ${wanted}, got ${quoted(from)}` };
    }
    const text = readContent(content, index, form.content, inParts);
    if (isRejection(text)) return text;
    // A system text among the turns takes the place of the one beside them.
    if (role === 'system') turns.length = 0;
    const read = withLossFlag({ role, value: text.value }, given, index);
    if (isRejection(read)) return read;
    turns.push(read);
  }
  return { turns, images: inParts.length > 0 ? inParts : listed.images, listLength: list.length };
}

function roleOf(from: unknown, { user, assistant, systemRole }: RowForm, index: number): Turn['role'] | null {
  if (from === user) return 'human';
  if (from === assistant) return 'gpt';
  return from === systemRole && index === 0 ? 'system' : null;
}

function readImageList(given: unknown, key: string): { images: string[] } | Rejection {
  const value = asList(given);
  if (value === undefined || value === null) return { images: [] };
  if (!Array.isArray(value)) {
    const fix = typeof value === 'string' ? `; write [${quoted(value)}]` : '';
    return { reason: 'image_field_type', detail: `${key} must be a list, got ${quoted(value)}${fix}` };
  }
  const images = (value as unknown[]).map((item) => pathOf(item));
  const bad = images.indexOf(null);
  if (bad < 0) return { images: images as string[] };
  return { reason: 'image_field_type', detail: `${key} must be a list of paths, got ${quoted(value[bad])}` };
}

/** A path as a text, or as the key `path` of an object. */
function pathOf(item: unknown): string | null {
  const path = typeof item === 'object' && item !== null ? (item as JsonObject)['path'] : item;
  return typeof path === 'string' && path !== '' ? path : null;
}

function readContent(content: unknown, turn: number, key: string, images: string[]): { value: string } | Rejection {
  if (typeof content === 'string') return { value: content };
  if (!Array.isArray(content)) {
    return { reason: 'value_not_text', detail: `turn ${turn}: ${key} must be text, got ${quoted(content)}` };
  }
  let value = '';
  for (const part of content as unknown[]) {
    const { type, text, image, path, url, image_url: link } = (part ?? {}) as JsonObject;
    if (type === 'text' && typeof text === 'string') value += text;
    else if (type === 'image' || type === 'image_url') {
      value += IMAGE_PLACEHOLDER;
      const given =
        image ??
        path ??
        url ??
        (typeof link === 'object' && link !== null ? (link as JsonObject)['url'] : link) ??
        null;
      if (given === null) continue;
      const place = pathOf(given);
      if (place === null) {
        return { reason: 'image_field_type', detail: `turn ${turn}: image must be a path, got ${quoted(given)}` };
      }
      images.push(place);
    } else {
      const got = type === 'text' ? quoted(text) : quoted(type);
      return { reason: 'value_not_text', detail: `turn ${turn}: parts must be text or image, got ${got}` };
    }
  }
  return { value };
}
