// Recipes as documents: files, presets and overrides, with the place of every key.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { LineCounter, isMap, isNode, isPair, parseDocument } from 'yaml';
import type { Document, Node } from 'yaml';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { isJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { hasScheme } from '../../store/open-store.ts';
import { hubSnapshot, isHubId } from './hub-cache.ts';
import type { HubKind } from './hub-cache.ts';
import { PRESETS } from './presets.ts';

/** Where a value comes from, for messages. */
export interface Origin {
  /** e.g. `recipe.yaml:14:3`; the name of a preset or `command line` where there is no place. */
  where: string;
}

/** The keys that one source sets, and where it sets them. */
export interface RecipeLayer {
  keys: JsonObject;
  /** Whether it is a whole config, whose keys nobody has set one by one. */
  isWhole?: boolean;
  /** The place of the key at a path, or of the nearest map around it. */
  originOf(path: readonly string[]): Origin;
}

const MAX_RECIPE_BYTES = 1024 * 1024;

/**
 * Keys that name files or folders, one, a list or a map of them: relative to the recipe's folder, or to the working
 * folder on the command line. A store may have an address `scheme://…` instead, and data one in a bucket: they stay as
 * they are.
 */
const PATH_KEYS = [
  'run.output_dir',
  'store.uri',
  'model.path',
  'model.adapter',
  'dataset.path',
  'dataset.image_folder',
  'dataset.exclude_rows',
  'evaluation.path',
  'evaluation.image_folder',
  'evaluation.scorers',
  'selection.query_path',
];

/** Of these, the ones that may be repositories of the Hub instead, found in its cache on this machine. */
export const HUB_KEYS: Readonly<Record<string, HubKind>> = {
  'model.path': 'model',
  'model.adapter': 'model',
  'dataset.path': 'dataset',
  'evaluation.path': 'dataset',
};

/**
 * Reads a recipe and all that it extends, the most basic first.
 * @throws InvalidConfigError for a file that is missing, not YAML, or that extends itself
 */
export function readRecipeLayers(path: string, seen: readonly string[] = []): RecipeLayer[] {
  const file = resolve(path);
  return recipeLayers(file, () => readText(file), seen);
}

/**
 * A recipe that is not saved yet, and all that it extends, the most basic first.
 * @param path of the file that it would be: paths in it are relative to its folder
 */
export function textLayers(path: string, text: string): RecipeLayer[] {
  const file = resolve(path);
  requireSize(file, Buffer.byteLength(text));
  return recipeLayers(file, () => text, []);
}

function recipeLayers(file: string, read: () => string, seen: readonly string[]): RecipeLayer[] {
  if (seen.includes(file))
    throw new InvalidConfigError(
      `extends: recipes must end, got a circle: ${[...seen, file].map((name) => basename(name)).join(' → ')}`,
    );
  const layer = parseRecipe(read(), basename(file), dirname(file));
  const { extends: base, ...keys } = layer.keys;
  const own: RecipeLayer = { ...layer, keys };
  if (base === undefined || base === null) return [own];
  if (typeof base !== 'string')
    throw new InvalidConfigError(
      `${layer.originOf(['extends']).where} extends: must be a preset or a file, got ${JSON.stringify(base)}`,
    );
  const preset = presetLayer(base);
  if (preset !== null) return [preset, own];
  if (!/[./]/.test(base)) {
    throw new InvalidConfigError(
      `${layer.originOf(['extends']).where} extends: preset must be known, got "${base}"; known: ${Object.keys(PRESETS).join(', ')}`,
    );
  }
  return [...readRecipeLayers(resolve(dirname(file), base), [...seen, file]), own];
}

/** The keys of a preset, or null where there is none of the name. */
export function presetLayer(name: string): RecipeLayer | null {
  if (!Object.hasOwn(PRESETS, name)) return null;
  return { keys: PRESETS[name] as JsonObject, originOf: () => ({ where: `preset ${name}` }) };
}

/** Keys from `key.path=value` arguments; values are YAML. @throws InvalidConfigError for an argument of another form */
export function overrideLayer(overrides: readonly string[]): RecipeLayer {
  const keys: JsonObject = {};
  for (const override of overrides) {
    const [, path, value] = /^([a-z_]+(?:\.[a-z_]+)*)=(.*)$/s.exec(override) ?? [];
    if (path === undefined || value === undefined)
      throw new InvalidConfigError(`command line: settings must be key.path=value, got "${override}"`);
    const document = parseDocument(value);
    if (document.errors.length > 0)
      throw new InvalidConfigError(`command line ${path}: must be a YAML value, got ${value}`);
    setIn(keys, path.split('.'), document.toJS());
  }
  return { keys: withAbsolutePaths(keys, process.cwd()), originOf: () => ({ where: 'command line' }) };
}

/** Sets a key of the object itself, also one named `__proto__`, which an assignment would take for the prototype. */
export function setOwn(keys: JsonObject, key: string, value: unknown): void {
  Object.defineProperty(keys, key, { value, writable: true, enumerable: true, configurable: true });
}

function setIn(keys: JsonObject, [first = '', ...rest]: string[], value: unknown): void {
  if (rest.length === 0) return setOwn(keys, first, value);
  if (!Object.hasOwn(keys, first)) setOwn(keys, first, {});
  const map = Object.getOwnPropertyDescriptor(keys, first)?.value as unknown;
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    throw new InvalidConfigError(`command line ${first}: must be a map of keys, got ${JSON.stringify(map)}`);
  setIn(map as JsonObject, rest, value);
}

function readText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    throw new InvalidConfigError(`recipe: file must exist, got "${file}"`);
  }
  requireSize(file, bytes.length);
  return bytes.toString('utf8');
}

function requireSize(file: string, byteCount: number): void {
  if (byteCount > MAX_RECIPE_BYTES)
    throw new InvalidConfigError(`${basename(file)}: a recipe must have at most 1 MiB, got ${byteCount} bytes`);
}

/** @param name of the file, for messages */
function parseRecipe(text: string, name: string, folder: string): RecipeLayer {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    const findings = document.errors.map(
      ({ message, pos }) =>
        `${place(pos[0])}: must be YAML, got ${message.split('\n')[0]!.replace(/ at line .*$/, '')}`,
    );
    throw new InvalidConfigError(findings.join('\n'));
  }
  const content = plain(document, name);
  // A run's manifest holds its recipe: it repeats the run.
  const inManifest = 'schema_version' in content && typeof content['recipe'] === 'object';
  const keys = (inManifest ? content['recipe'] : content) as JsonObject;
  const prefix = inManifest ? ['recipe'] : [];
  return {
    keys: withAbsolutePaths(keys, folder),
    originOf: (path) => ({ where: place(offsetOf(document, [...prefix, ...path])) }),
  };
}

function plain(document: Document.Parsed, name: string): JsonObject {
  let content: unknown;
  try {
    content = document.toJS() ?? {};
  } catch (error) {
    throw new InvalidConfigError(
      `${name}: must be plain YAML, got ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (isJsonObject(content)) return content;
  throw new InvalidConfigError(
    `${name}:1:1: a recipe must be a map of keys, got ${Array.isArray(content) ? 'a list' : JSON.stringify(content)}`,
  );
}

/** Where the key at the path begins, or its nearest ancestor that is there. */
function offsetOf(document: Document.Parsed, path: readonly string[]): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of path) {
    if (!isMap(node)) return offset;
    const pair = node.items.find((item) => isPair(item) && String((item.key as { value?: unknown }).value) === key);
    if (pair === undefined) return offset;
    offset = (isNode(pair.key) ? pair.key : (pair.value as Node | null))?.range?.[0] ?? offset;
    node = pair.value;
  }
  return offset;
}

function withAbsolutePaths(keys: JsonObject, folder: string): JsonObject {
  const result = structuredClone(keys);
  for (const path of PATH_KEYS) {
    const [section, key] = path.split('.') as [string, string];
    const map = result[section] as JsonObject | null | undefined;
    if (typeof map !== 'object' || map === null || Array.isArray(map)) continue;
    const value = map[key];
    const absolute = (item: unknown): unknown =>
      typeof item === 'string' && !isAbsolute(item) && !hasScheme(item) ? located(item, folder, HUB_KEYS[path]) : item;
    if (Array.isArray(value)) map[key] = value.map(absolute);
    else if (isJsonObject(value)) for (const [name, item] of Object.entries(value)) setOwn(value, name, absolute(item));
    else if (value !== undefined) map[key] = absolute(value);
  }
  return result;
}

/** A path from its folder; what is not there but in the Hub's cache is taken from the cache. */
function located(item: string, folder: string, kind: HubKind | undefined): string {
  const path = join(folder, item);
  if (kind === undefined || !isHubId(item) || existsSync(path)) return path;
  return hubSnapshot(kind, item) ?? path;
}
