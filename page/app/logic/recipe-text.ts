// A recipe as YAML: what a field says is read from it and written into it, and all else stays as it is.
import { Document, isMap, parseDocument } from 'yaml';
import type { Field } from './recipe-fields.ts';

/** The recipe of a new form. */
export const FIRST_RECIPE = 'extends: demo\nrun:\n  name: first\n';

/** What is wrong with the text as YAML, in a line; null where nothing is. */
export function yamlProblem(text: string): string | null {
  const [problem] = parseDocument(text).errors;
  return problem === undefined ? null : problem.message.split('\n')[0]!;
}

/** What a recipe says, by keys; nothing while the text is no YAML. */
export function readRecipe(text: string): unknown {
  const document = parseDocument(text);
  return document.errors.length > 0 ? null : (document.toJS() as unknown);
}

/** What a recipe says of a key such as `gradients.sketch`; undefined where it says nothing. */
export function readKey(recipe: unknown, key: string): unknown {
  return key.split('.').reduce<unknown>((part, name) => {
    if (typeof part !== 'object' || part === null || !Object.hasOwn(part, name)) return undefined;
    return (part as Record<string, unknown>)[name];
  }, recipe);
}

/** The text with a key set, or taken away by undefined, with the sections that this leaves empty. Comments stay. */
export function writeKey(text: string, key: string, value: unknown): string {
  const document = parseDocument(text);
  if (document.errors.length > 0) return text;
  const path = key.split('.');
  if (!isMap(document.contents)) document.contents = new Document({}).contents as never;
  if (value !== undefined) {
    for (let length = 1; length < path.length; length += 1) {
      const above = path.slice(0, length);
      if (!isMap(document.getIn(above, true))) document.setIn(above, document.createNode({}));
    }
    document.setIn(path, document.createNode(value));
  } else {
    document.deleteIn(path);
    for (let length = path.length - 1; length > 0; length -= 1) {
      const above = document.getIn(path.slice(0, length), true);
      if (isMap(above) && above.items.length === 0) document.deleteIn(path.slice(0, length));
    }
  }
  return isMap(document.contents) && document.contents.items.length === 0 ? '' : document.toString();
}

/** What a field shows of a value. */
export function fieldText({ kind }: Field, value: unknown): string {
  if (value === undefined) return '';
  if (kind === 'list') return (Array.isArray(value) ? value : [value]).map(String).join('\n');
  if (kind !== 'yaml') return String(value);
  const text = new Document(value).toString({ collectionStyle: 'flow', flowCollectionPadding: true, lineWidth: 0 });
  return text.trimEnd();
}

/** The value that a field's text says: undefined for an empty one, which leaves the key out. */
export function fieldValue({ kind }: Field, text: string): unknown {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  switch (kind) {
    case 'number':
      return Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
    case 'switch':
      return trimmed === 'true';
    case 'choices':
    case 'list': {
      const parts = trimmed.split('\n').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
      return kind === 'list' && parts.length === 1 ? parts[0] : parts;
    }
    case 'yaml': {
      const document = parseDocument(trimmed);
      return document.errors.length > 0 ? trimmed : (document.toJS() as unknown);
    }
    default:
      return trimmed;
  }
}

/** Findings of a field: its own, and those of what lies in it. */
export function findingsOf<Finding extends { key: string | null }>(
  findings: readonly Finding[],
  key: string,
): Finding[] {
  return findings.filter((finding) => finding.key === key || (finding.key ?? '').startsWith(`${key}.`));
}
