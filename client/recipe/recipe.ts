// From a recipe to a config: layers merged, checked, completed, with findings that name their place.
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { basename, dirname, parse, relative, resolve } from 'node:path';
import type { z } from 'zod';
import type { Config, DatasetConfig } from '../../contracts/config.ts';
import { AUTO_METHOD } from '../../contracts/methods.ts';
import { withDiskNames, withMemoryNames } from '../../contracts/disk-names.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { isJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { withoutLaterKeys } from '../../contracts/later-keys.ts';
import { hasScheme, openStore } from '../../store/open-store.ts';
import { isS3 } from '../../store/s3-client.ts';
import { findDataFiles } from './data-files.ts';
import { hubAdvice, isHubId } from './hub-cache.ts';
import { nearest } from './nearest.ts';
import { HUB_KEYS, overrideLayer, presetLayer, readRecipeLayers, textLayers } from './recipe-document.ts';
import type { RecipeLayer } from './recipe-document.ts';
import { conflicts, isSet, merged, valueAt, whereOf } from './recipe-conflicts.ts';
import { recipeSchema } from './recipe-schema.ts';

/** A recipe that is ready to run. */
export interface LoadedRecipe {
  /** `[a-z0-9-]{1,64}`: as set, else the dataset's stem and a hash of the recipe. */
  runName: string;
  config: Config;
  /** What a person should know of the files: entries of folders that are not read. */
  notes: string[];
}

export interface RecipeOptions {
  /** `key.path=value` arguments, which win over the recipe. */
  overrides?: readonly string[];
  /** False where the files lie on other machines. */
  checksFiles?: boolean;
}

/**
 * Reads a recipe file (or a run's manifest.json), applies what it extends, the overrides and the defaults, and checks
 * it: command line > recipe > preset > default.
 * @throws InvalidConfigError with all findings, one a line, each with its place
 */
export function loadRecipe(path: string, options: RecipeOptions = {}): LoadedRecipe {
  return resolveRecipe(readRecipeLayers(path), dirname(resolve(path)), options);
}

/**
 * As {@link loadRecipe}, of a recipe that is not saved yet.
 * @param path of the file that it would be
 */
export function loadRecipeText(path: string, text: string): LoadedRecipe {
  return resolveRecipe(textLayers(path, text), dirname(resolve(path)), {});
}

/** A preset as a recipe of its own. */
export function loadPreset(name: string, options: RecipeOptions = {}): LoadedRecipe {
  const layer = presetLayer(name);
  if (layer === null) throw new InvalidConfigError(`preset: must be known, got "${name}"`);
  return resolveRecipe([layer], process.cwd(), options);
}

/** Sections that a new selection from a gradient table may change. */
const SELECTION_SECTIONS = ['values', 'allocation', 'selection'];

/** A setting of rows that no gradient depends on. */
const SELECTION_KEY = 'dataset.exclude_rows';

/**
 * The recipe of a run with other settings of its selection, checked as any recipe.
 *
 * @param overrides `key.path=value` arguments
 * @throws InvalidConfigError for a setting that the gradients depend on, or one that is wrong
 */
export function changeSelection(config: Config, overrides: readonly string[]): Config {
  if (overrides.length === 0) return config;
  const other = overrides.find(
    (override) => !SELECTION_SECTIONS.includes(override.split('.')[0]!) && !override.startsWith(`${SELECTION_KEY}=`),
  );
  if (other !== undefined)
    throw new InvalidConfigError(
      `command line: settings of a new selection must be of ${SELECTION_SECTIONS.join(', ')}, or ${SELECTION_KEY}, got "${other}"; run the recipe anew`,
    );
  const own: RecipeLayer = {
    keys: withDiskNames(config) as JsonObject,
    isWhole: true,
    originOf: () => ({ where: 'run' }),
  };
  return resolveRecipe([own], process.cwd(), { overrides, checksFiles: false }).config;
}

function resolveRecipe(
  layers: readonly RecipeLayer[],
  folder: string,
  { overrides = [], checksFiles = true }: RecipeOptions,
): LoadedRecipe {
  const all = [...layers, overrideLayer(overrides)];
  const parsed = recipeSchema.safeParse(merged(all));
  const findings = parsed.success ? [] : parsed.error.issues.flatMap((issue) => explainIssue(issue, all));
  findings.push(...conflicts(all));
  if (findings.length > 0 || !parsed.success) throw new InvalidConfigError([...new Set(findings)].join('\n'));
  const { dataset, allocation, selection } = parsed.data;
  if (selection.method === 'auto') selection.method = AUTO_METHOD;
  // A budget in rows takes the place of the default share.
  if (allocation.budget_rows !== null && !isSet(all, ['allocation', 'budget_fraction']))
    allocation.budget_fraction = null;
  const config = withMemoryNames({ ...parsed.data, dataset: { ...dataset, path: [dataset.path].flat() } }) as Config;
  const { located, notes } = locate(config);
  // Refuses an address that no store has; nothing is connected or made.
  openStore(located.store.uri);
  const missing = checksFiles ? missingFiles(located, folder) : [];
  if (missing.length > 0) throw new InvalidConfigError(missing.join('\n'));
  return { runName: config.run.name ?? defaultName(located), config: located, notes };
}

function explainIssue(issue: z.core.$ZodIssue, layers: readonly RecipeLayer[]): string[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const close = nearest(key, knownKeys(path));
      const where = whereOf(layers, [...path, key]);
      return `${where}: keys must be known, got "${key}"${close === null ? '' : `; did you mean "${close}"?`}`;
    });
  }
  const name = path.filter((part) => !/^\d+$/.test(part)).join('.');
  return [`${whereOf(layers, path)} ${name}: ${issue.message}`];
}

/** Keys that a recipe may have at a path. */
function knownKeys(path: readonly string[]): string[] {
  const defaults = recipeSchema.safeParse({ model: { path: '.' }, dataset: { path: '.' } });
  const found = valueAt(defaults.data, path);
  const keys = isJsonObject(found) ? Object.keys(found) : [];
  return path.length === 0 ? [...keys, 'extends'] : keys;
}

/** Absolute paths everywhere but for addresses `scheme://…` of the store and of data, a folder of data as its files. */
function locate(config: Config): { located: Config; notes: string[] } {
  const { run, store, model, dataset, evaluation, selection } = config;
  const optional = (path: string | null): string | null => (path === null ? null : resolve(path));
  const orRemote = (path: string | null = null): string | null => (path === null || isS3(path) ? path : resolve(path));
  const rows = locateRows('dataset', dataset.path, dataset.imageFolder);
  const test = locateRows('evaluation', [evaluation.path ?? []].flat(), evaluation.imageFolder);
  const located = {
    ...config,
    run: { ...run, outputDir: resolve(run.outputDir) },
    store: { ...store, uri: hasScheme(store.uri) ? store.uri : resolve(store.uri) },
    model: { ...model, path: resolve(model.path), adapter: optional(model.adapter) },
    dataset: {
      ...dataset,
      path: rows.path,
      imageFolder: rows.imageFolder,
      excludeRows: orRemote(dataset.excludeRows),
    },
    selection: { ...selection, queryPath: orRemote(selection.queryPath) },
    evaluation: {
      ...evaluation,
      imageFolder: test.imageFolder,
      path: test.path.length > 1 ? test.path : (test.path[0] ?? null),
      ...locateScorers(evaluation),
    },
  };
  return { located, notes: [...rows.notes, ...test.notes] };
}

function locateScorers({ scorers }: Config['evaluation']): Pick<Config['evaluation'], 'scorers'> {
  if (!scorers) return {};
  return { scorers: Object.fromEntries(Object.entries(scorers).map(([task, path]) => [task, resolve(path)])) };
}

interface LocatedRows extends Pick<DatasetConfig, 'path' | 'imageFolder'> {
  /** Entries of folders that are not read. */
  notes: string[];
}

/** Files of rows, and the folder of pictures of each or of all. */
function locateRows(
  section: 'dataset' | 'evaluation',
  paths: readonly string[],
  imageFolder: DatasetConfig['imageFolder'],
): LocatedRows {
  const place = (path: string): string => (isS3(path) ? path.replace(/\/+$/, '') : resolve(path));
  const found = paths.map((path) => findDataFiles(place(path), `${section}.path`));
  const files = found.map((one) => one.files);
  const notes = found.flatMap((one) => one.notes);
  if (imageFolder === null || typeof imageFolder === 'string')
    return { path: files.flat(), imageFolder: imageFolder === null ? null : place(imageFolder), notes };
  if (imageFolder.length !== files.length) {
    throw new InvalidConfigError(
      `${section}.image_folder: list must have one folder for each of ${files.length} paths, got ${imageFolder.length}`,
    );
  }
  return {
    path: files.flat(),
    imageFolder: files.flatMap((own, index) => own.map(() => place(imageFolder[index]!))),
    notes,
  };
}

/** Files and folders that are not there, as they stand in the recipe. */
function missingFiles({ model, dataset, evaluation, selection }: Config, folder: string): string[] {
  type Needed = [key: string, kind: 'file' | 'folder', path: string | null];
  const needed: Needed[] = [
    ...dataset.path.map((path): Needed => ['dataset.path', 'file', path]),
    ...[dataset.imageFolder].flat().map((path): Needed => ['dataset.image_folder', 'folder', path]),
    ['dataset.exclude_rows', 'file', dataset.excludeRows ?? null],
    ['model.path', 'folder', model.path],
    ['model.adapter', 'folder', model.adapter],
    ['selection.query_path', 'file', selection.queryPath ?? null],
    ...[evaluation.path].flat().map((path): Needed => ['evaluation.path', 'file', path]),
    ...[evaluation.imageFolder].flat().map((path): Needed => ['evaluation.image_folder', 'folder', path]),
    ...Object.entries(evaluation.scorers ?? {}).map(([task, path]): Needed => [
      `evaluation.scorers.${task}`,
      'file',
      path,
    ]),
  ];
  return needed.flatMap(([key, kind, path]) => {
    if (path === null || isS3(path)) return [];
    const found = statSync(path, { throwIfNoEntry: false });
    const given = relative(folder, path);
    const name = `"${given}" (relative to the recipe's folder)`;
    if (found === undefined) {
      const hub = HUB_KEYS[key];
      const advice = hub !== undefined && isHubId(given) ? `; ${hubAdvice(hub, given)}` : '';
      return [`${key}: ${kind} must exist, got ${name}${advice}`];
    }
    if (kind === 'folder' ? found.isDirectory() : found.isFile()) return [];
    return [`${key}: must be a ${kind}, got ${name}`];
  });
}

/** Stem of the dataset's file and a hash of everything that decides what the run computes. */
function defaultName(config: Config): string {
  // A key that does nothing gives a recipe no other name than it had before there was the key.
  const { run, ...rest } = withoutLaterKeys(config);
  const hash = createHash('sha256')
    .update(JSON.stringify({ ...rest, seed: run.seed }))
    .digest('hex')
    .slice(0, 8);
  const stem = parse(basename(config.dataset.path[0]!))
    .name.toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return `${stem.slice(0, 55) || 'run'}-${hash}`;
}
