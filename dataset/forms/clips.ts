// Videos and sounds of rows: under which keys and in which parts they stand, and that each has a place in the texts.
import type { ClipKind } from '../../contracts/clips.ts';
import { isJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { isRejection, quoted } from '../rows/row-outcome.ts';
import type { Rejection } from '../rows/row-outcome.ts';
import { IMAGE_PLACEHOLDER } from './conversation.ts';
import type { Turn } from './conversation.ts';
import type { Dialogue, Form } from './form.ts';
import { asTurns, inTexts } from './objects.ts';
import { hasContent } from './row-keys.ts';
import { asList } from './turn-list.ts';

/** A video or a sound of a row. */
export interface Clip {
  kind: ClipKind;
  /** Paths as given: one file, or a video's frames. */
  files: string[];
  isFrames: boolean;
}

/** In the order in which a row's clips stand. */
export const CLIP_KINDS: readonly ClipKind[] = ['video', 'audio'];

/** The placeholder of a clip in a text. */
export function clipPlaceholder(kind: ClipKind): string {
  return `<${kind}>`;
}

/** Keys under which a row, or a part of a content, names clips. */
export const CLIP_KEYS: readonly string[] = CLIP_KINDS.flatMap((kind) => [kind, `${kind}s`, `${kind}_url`]);

/** Clips as LLaMA-Factory's rows have them: lists under `videos` and `audios`, each where there are any. */
export function clipLists(clips: readonly Clip[], rename: (name: string) => string): Record<string, unknown> {
  const lists = CLIP_KINDS.map((kind): [string, unknown[]] => [
    `${kind}s`,
    clips
      .filter((clip) => clip.kind === kind)
      .map(({ files, isFrames }) => (isFrames ? files.map(rename) : rename(files[0]!))),
  ]);
  return Object.fromEntries(lists.filter(([, list]) => list.length > 0));
}

/** A row without its clips, and what was found of them. */
export interface FoundClips {
  /** With placeholders where parts or LLaVA's `<image>` stood for clips. */
  fields: JsonObject;
  clips: Clip[];
  /** Kinds that the row speaks of. */
  kinds: ReadonlySet<ClipKind>;
  /** Keys of the row that were read. */
  keys: readonly string[];
}

/**
 * Clips under `video`, `videos`, `audio` and `audios`, and in parts of contents. A video is a file, or a list of
 * frames: a list of lists under `videos`, a list of pictures under `video`. Beside pictures `video` and `audio` may
 * say where these come from, unless the texts have a place for them.
 * @param text what the row was read from
 */
export function readClips(fields: JsonObject, text: string, form: Form): FoundClips | Rejection {
  // A recipe's columns may give a key another name than the text has.
  if (!/video|audio/.test(text) && !CLIP_KEYS.some((key) => key in fields))
    return { fields, clips: [], kinds: new Set(), keys: [] };
  const hasPictures = hasContent(fields['image']) || hasContent(fields[form.images]);
  const clips: Clip[] = [];
  const keys: string[] = [];
  for (const kind of CLIP_KINDS) {
    for (const key of [kind, `${kind}s`]) {
      const isOrigin = hasPictures && key === kind && !text.includes(clipPlaceholder(kind));
      if (!hasContent(fields[key]) || isOrigin || form.keys.includes(key)) continue;
      const read = clipsOf(fields[key], kind, key);
      if (isRejection(read)) return read;
      clips.push(...read);
      keys.push(key);
    }
  }
  const places = form.keys.filter((key) => key !== form.images && fields[key] !== undefined);
  const inParts: FoundParts = { clips: [], kinds: new Set(), problem: null };
  const given = Object.fromEntries(places.map((key) => [key, withoutParts(asTurns(fields[key]), inParts)]));
  if (inParts.problem !== null) return inParts.problem;
  const all = CLIP_KINDS.flatMap((kind) => {
    const named = inParts.clips.filter((clip) => clip.kind === kind);
    return named.length > 0 ? named : clips.filter((clip) => clip.kind === kind);
  });
  const kinds = new Set([...inParts.kinds, ...all.map(({ kind }) => kind)]);
  const written = kinds.size === 0 ? fields : { ...fields, ...given };
  return { fields: hasPictures ? written : withVideoPlaces(written, places, kinds), clips: all, kinds, keys };
}

function clipsOf(given: unknown, kind: ClipKind, key: string): Clip[] | Rejection {
  const value = asList(given);
  const items: unknown[] = Array.isArray(value) ? value : [value];
  const names = items.map(pathOf);
  const isFrames = (list: readonly (string | null)[]): boolean =>
    list.length > 0 && list.every((name) => name !== null);
  if (key === 'video' && Array.isArray(value) && names.every((name) => name !== null && isPicture(name)))
    return [{ kind, files: names as string[], isFrames: true }];
  const clips: Clip[] = [];
  for (const [index, item] of items.entries()) {
    const name = names[index]!;
    const frames = Array.isArray(item) ? item.map(pathOf) : [];
    if (name !== null) clips.push({ kind, files: [name], isFrames: false });
    else if (kind === 'video' && isFrames(frames)) clips.push({ kind, files: frames as string[], isFrames: true });
    else return notPath(key, item, kind);
  }
  return clips;
}

function notPath(key: string, item: unknown, kind: ClipKind): Rejection {
  const frames = kind === 'video' ? ' or a list of frames' : '';
  return { reason: 'image_field_type', detail: `${key} must be a path${frames}, got ${quoted(item)}` };
}

/** A path as a text, or as the key `path` or `url` of an object. */
function pathOf(item: unknown): string | null {
  const path = isJsonObject(item) ? (item['path'] ?? item['url']) : item;
  return typeof path === 'string' && path !== '' ? path : null;
}

function isPicture(name: string): boolean {
  return /^data:image\//i.test(name) || /\.(jpe?g|png|webp|gif|avif|tiff?)$/i.test(name);
}

interface FoundParts {
  clips: Clip[];
  kinds: Set<ClipKind>;
  problem: Rejection | null;
}

const PART_KINDS: Readonly<Record<string, ClipKind>> = {
  video: 'video',
  video_url: 'video',
  audio: 'audio',
  audio_url: 'audio',
};

/** Turns whose parts that are clips are texts with their placeholder. */
function withoutParts(value: unknown, found: FoundParts): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutParts(item, found));
  if (!isJsonObject(value)) return value;
  const { type } = value;
  const kind = typeof type === 'string' ? PART_KINDS[type] : undefined;
  if (kind === undefined)
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, Array.isArray(item) ? withoutParts(item, found) : item]),
    );
  const given = value[kind] ?? value[`${kind}_url`] ?? value['path'] ?? value['url'] ?? null;
  const read = given === null ? [] : clipsOf(given, kind, kind);
  if (isRejection(read)) found.problem ??= read;
  else found.clips.push(...read);
  found.kinds.add(kind);
  return { type: 'text', text: clipPlaceholder(kind) };
}

/** LLaVA's rows about a video have `<image>` in its place. */
function withVideoPlaces(fields: JsonObject, places: readonly string[], kinds: ReadonlySet<ClipKind>): JsonObject {
  const texts = JSON.stringify(places.map((key) => fields[key]));
  if (!kinds.has('video') || texts.includes(clipPlaceholder('video')) || !texts.includes(IMAGE_PLACEHOLDER))
    return fields;
  const fill = (value: string): string => value.replaceAll(IMAGE_PLACEHOLDER, clipPlaceholder('video'));
  return { ...fields, ...Object.fromEntries(places.map((key) => [key, inTexts(asTurns(fields[key]), fill)])) };
}

/** Forms of one question, whose pictures and clips need no place in it. */
const ASKS_ONCE = new Set(['prompt', 'alpaca', 'question']);

/** The dialogue with a place for every clip, or why it has none. */
export function withClips(dialogue: Dialogue, { clips, kinds }: FoundClips, form: Form): Dialogue | Rejection {
  let { turns, promptTurns } = dialogue;
  for (const kind of kinds) {
    const place = clipPlaceholder(kind);
    const wanted = clips.filter((clip) => clip.kind === kind).length;
    if (ASKS_ONCE.has(form.name) && !promptTurns.some(({ value }) => value.includes(place)))
      [turns, promptTurns] = [inFront(turns, place, wanted), inFront(promptTurns, place, wanted)];
    const answer = promptTurns.findIndex(({ role, value }) => role === 'gpt' && value.includes(place));
    const detail = `${place} count must equal ${kind} clips`;
    if (answer >= 0)
      return { reason: 'media_count_mismatch', detail: `${detail}, got one in the answer of turn ${answer}` };
    const found = promptTurns.reduce((count, { value }) => count + value.split(place).length - 1, 0);
    if (found !== wanted)
      return {
        reason: 'media_count_mismatch',
        detail: `${detail}, got ${found} and ${wanted}; write it where each belongs`,
      };
  }
  return { ...dialogue, turns, promptTurns };
}

function inFront(turns: Turn[], place: string, count: number): Turn[] {
  const first = turns.findIndex(({ role }) => role === 'human');
  return turns.map((turn, index) =>
    index === first ? { ...turn, value: `${place}\n`.repeat(count) + turn.value } : turn,
  );
}
