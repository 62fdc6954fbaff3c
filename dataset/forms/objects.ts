// Objects of a picture, put into the texts where ms-swift's placeholders stand.
// See modelscope/ms-swift `swift/template/base.py`, `normalize_bbox` and `replace_bbox`
import { isJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { isRejection, quoted } from '../rows/row-outcome.ts';
import type { Rejection } from '../rows/row-outcome.ts';
import type { Form } from './form.ts';
import { asList } from './turn-list.ts';

const REF = '<ref-object>';
const BOX = '<bbox>';

/** Key of a row's objects, `{ ref: [text, …], bbox: [[x1, y1, x2, y2] or [x, y], …], bbox_type?, image_id? }`. */
export const OBJECTS_KEY = 'objects';

/**
 * A row with the names and boxes of its `objects` in the place of `<ref-object>` and `<bbox>`, in the order of its
 * texts. A box is written as ms-swift's LLaVA templates write it: `[(x1,y1),(x2,y2)]`, in thousandths of the picture.
 * Boxes are shares where `bbox_type` is `norm1`, else pixels of a picture whose width and height the row must name.
 * `<bbox>` that is closed by `</bbox>` is markup of the text, not a placeholder.
 *
 * @param text what the row was read from
 * @returns the row itself where it has no placeholder, or why they cannot be filled
 */
export function withObjects(fields: JsonObject, text: string, form: Form): JsonObject | Rejection {
  if (!/<bbox>|<ref-object>|\\u003c/i.test(text)) return fields;
  const places = form.keys.filter((key) => key !== form.images && fields[key] !== undefined);
  const found = { [REF]: 0, [BOX]: 0 };
  const given: JsonObject = Object.fromEntries(places.map((key) => [key, asTurns(fields[key])]));
  const texts = JSON.stringify(given);
  found[REF] = texts.split(REF).length - 1;
  found[BOX] = isMarkup(texts) ? 0 : texts.split(BOX).length - 1;
  if (found[REF] + found[BOX] === 0) return fields;
  const objects = fields[OBJECTS_KEY] ?? null;
  if (!isJsonObject(objects)) return unfilled(`objects must fill ${BOX} and ${REF}, got ${quoted(objects)}`);
  const refs = readRefs(objects, found[REF]);
  if (isRejection(refs)) return refs;
  const boxes = readBoxes(objects, found[BOX], fields);
  if (isRejection(boxes)) return boxes;
  const fill = (value: string): string => {
    const named = value.replaceAll(REF, () => refs.shift()!);
    return found[BOX] === 0 ? named : named.replaceAll(BOX, () => boxes.shift()!);
  };
  return { ...fields, ...Object.fromEntries(places.map((key) => [key, inTexts(given[key], fill)])) };
}

/** Turns as a list; a text that is no list of turns stays a text. */
export function asTurns(value: unknown): unknown {
  const list = asList(value);
  return Array.isArray(list) && list.some(isJsonObject) ? list : value;
}

function isMarkup(texts: string): boolean {
  return texts.includes('</bbox>');
}

function unfilled(detail: string): Rejection {
  return { reason: 'placeholder_unfilled', detail };
}

function readRefs({ ref }: JsonObject, count: number): string[] | Rejection {
  const names = Array.isArray(ref) ? (ref as unknown[]) : [];
  if (count > 0 && names.length !== count)
    return unfilled(`objects.ref must have a text for each of ${count} ${REF}, got ${names.length}`);
  const bad = names.find((name) => typeof name !== 'string' || name.includes(BOX) || name.includes(REF));
  if (count > 0 && bad !== undefined) return unfilled(`objects.ref must be texts, got ${quoted(bad)}`);
  return names as string[];
}

function readBoxes(objects: JsonObject, count: number, fields: JsonObject): string[] | Rejection {
  const { bbox, bbox_type: type = null, image_id: imageIds = null } = objects;
  if (count === 0) return [];
  const boxes = Array.isArray(bbox) ? (bbox as unknown[]) : [];
  if (boxes.length !== count)
    return unfilled(`objects.bbox must have a box for each of ${count} ${BOX}, got ${boxes.length}`);
  if (type !== null && type !== 'real' && type !== 'norm1')
    return unfilled(`objects.bbox_type must be real or norm1, got ${quoted(type)}`);
  const written: string[] = [];
  for (const [index, box] of boxes.entries()) {
    if (!isBox(box)) return unfilled(`objects.bbox must be lists of 2 or 4 numbers, got ${quoted(box)}`);
    const picture = Array.isArray(imageIds) ? Number(imageIds[index] ?? 0) : 0;
    const size: [number, number] | null = type === 'norm1' ? [1, 1] : sizeOf(picture, objects, fields);
    if (size === null) {
      return unfilled(
        'objects.bbox in pixels needs objects.width and objects.height, lists with a number for each picture, got none; ' +
          'or give shares from 0 to 1 with bbox_type: norm1, or write the boxes into the texts',
      );
    }
    written.push(boxText(box, size));
  }
  return written;
}

function isBox(box: unknown): box is number[] {
  return Array.isArray(box) && (box.length === 2 || box.length === 4) && box.every(Number.isFinite);
}

/** Width and height of a picture as the objects say it, or the row of its only one; null where neither does. */
function sizeOf(picture: number, objects: JsonObject, fields: JsonObject): [number, number] | null {
  const side = (key: 'width' | 'height'): number => {
    const own = [objects[key] ?? fields[key]].flat()[picture];
    return typeof own === 'number' && own > 0 ? own : 0;
  };
  return side('width') * side('height') > 0 ? [side('width'), side('height')] : null;
}

function boxText(box: readonly number[], [width, height]: readonly [number, number]): string {
  const parts = box.map((value, place) => evenRound((value / (place % 2 === 0 ? width : height)) * 1000));
  return `[${box.length === 2 ? point(parts, 0) : `${point(parts, 0)},${point(parts, 2)}`}]`;
}

function point(parts: readonly number[], start: number): string {
  return `(${parts[start]},${parts[start + 1]})`;
}

/** Python's `round`: halves go to the even neighbour. */
function evenRound(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** A value with every text in it changed, in order. */
export function inTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => inTexts(item, change));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inTexts(item, change)]));
}
