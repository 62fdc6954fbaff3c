// A row's bytes as a row: its identity, its dialogue and its pictures, or why it cannot be used.
import type { DatasetConfig } from '../../contracts/config.ts';
import { isJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import type { Dialogue } from '../forms/form.ts';
import { readClips, withClips } from '../forms/clips.ts';
import type { Clip } from '../forms/clips.ts';
import { withColumns } from '../forms/columns.ts';
import { formOf } from '../forms/forms.ts';
import type { FormOptions } from '../forms/forms.ts';
import { withObjects } from '../forms/objects.ts';
import { unreadKeys } from '../forms/row-keys.ts';
import { parsePythonJson, rawFields } from './raw-json.ts';
import { isRejection, quoted } from './row-outcome.ts';
import type { Rejection } from './row-outcome.ts';

/** What is known of a row before it is rejected. */
export interface RowIdentity {
  /** JSON text of `id`, or null. */
  id: string | null;
  /** The row's own label, a number as its text; or null. */
  task: string | null;
}

/** A row whose form is right; whether its pictures are there is another question. */
export interface ParsedRow extends RowIdentity, Dialogue {
  /** Videos and sounds, each kind in the order of its placeholders. */
  clips: Clip[];
  /** Keys that mean something to trainers and are not read here. */
  unreadKeys: string[];
}

/** What decides how a row is read. */
export interface ParseOptions extends FormOptions, Pick<DatasetConfig, 'taskField' | 'maxImages' | 'columns'> {}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Parses one row in its form ({@link formOf}). */
export function parseRow(bytes: Uint8Array | null, options: ParseOptions): ParsedRow | (Rejection & RowIdentity) {
  const read = readFields(bytes);
  return isRejection(read) ? { id: null, task: null, ...read } : parseFieldsOf(read, options);
}

/** A row as an object. */
export interface RowFields {
  fields: JsonObject;
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
    row = parsePythonJson(text);
  } catch (error) {
    return { reason: 'json_syntax', detail: `must be valid JSON, got ${syntaxProblem(error as Error)}` };
  }
  if (isJsonObject(row)) return { fields: row, text };
  return { reason: 'not_an_object', detail: `row must be an object, got ${quoted(row)}` };
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
  const named = withColumns(fields, options.columns);
  const form = formOf(named, options);
  const found = readClips(named, text, form);
  if (isRejection(found)) return { ...identity, ...found };
  const filled = withObjects(found.fields, text, form);
  const read = isRejection(filled) ? filled : form.read(filled, options.maxImages);
  const dialogue = isRejection(read) ? read : withClips(read, found, form);
  if (isRejection(dialogue)) return { ...identity, ...dialogue };
  const unread = unreadKeys(named, form, options.taskField).filter((key) => !found.keys.includes(key));
  return { ...identity, ...dialogue, clips: found.clips, unreadKeys: unread };
}

/** JSON text of a row's `id`, null for none. A number that JavaScript would round is as the row has it. */
function idOf(id: unknown, text: string): string | null {
  if (id === undefined) return null;
  const isRounded = typeof id === 'object' ? id !== null : typeof id !== 'string' && !Number.isSafeInteger(id);
  return (isRounded ? rawFields(text).get('id') : undefined) ?? JSON.stringify(id);
}

/** What V8 says of a text that is not JSON, without its excerpt of the text and its position. */
function syntaxProblem({ message }: Error): string {
  return message
    .replace(/, (\.\.\.)?".*$/s, '')
    .replace(/ (in|of|after|is not valid) JSON.*$/s, '')
    .replace(/^Unexpected/, 'an unexpected')
    .replace(/^[A-Z]/, (letter) => letter.toLowerCase());
}
