// Layers of a recipe as one: what they say together, and which of their settings exclude one another.
import type { SelectionMethod } from '../../contracts/config.ts';
import { isJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { METHOD_NAMES, leastTrajectory, readsQueries } from '../../contracts/methods.ts';
import { setOwn } from './recipe-document.ts';
import type { RecipeLayer } from './recipe-document.ts';

/** Maps merge, lists and values replace. */
export function merged(layers: readonly RecipeLayer[]): JsonObject {
  const merge = (left: unknown, right: unknown): unknown => {
    if (!isJsonObject(left) || !isJsonObject(right)) return right;
    const result: JsonObject = { ...left };
    for (const [key, value] of Object.entries(right))
      setOwn(result, key, Object.hasOwn(left, key) ? merge(left[key], value) : value);
    return result;
  };
  return layers.reduce<JsonObject>((keys, layer) => merge(keys, layer.keys) as JsonObject, {});
}

/** What a map of maps has at a path; undefined: nothing. */
export function valueAt(keys: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    keys,
  );
}

/** Whether a layer says something other than null about a key. */
export function isSet(layers: readonly RecipeLayer[], path: readonly string[]): boolean {
  return layers.some(({ keys }) => (valueAt(keys, path) ?? null) !== null);
}

/** The place of the layer that has the last word about a path. */
export function whereOf(layers: readonly RecipeLayer[], path: readonly string[]): string {
  for (let length = path.length; length > 0; length -= 1) {
    const part = path.slice(0, length);
    const layer = layers.findLast(({ keys }) => valueAt(keys, part) !== undefined);
    if (layer !== undefined) return layer.originOf(path).where;
  }
  return layers.length > 1 ? layers.at(-2)!.originOf([]).where : 'recipe';
}

/** Settings that exclude one another. */
export function conflicts(layers: readonly RecipeLayer[]): string[] {
  const findings: string[] = [];
  const { budget_rows: rows = null, budget_fraction: fraction } = (merged(layers)['allocation'] ?? {}) as JsonObject;
  const got =
    rows !== null && (fraction ?? null) !== null
      ? 'both; set one to null'
      : rows === null && fraction === null
        ? 'neither; set budget_fraction: 0.15'
        : null;
  const { overflow = 'redistribute', augment = 'none' } = (merged(layers)['allocation'] ?? {}) as JsonObject;
  if (augment === 'pictures' && overflow !== 'repeat') {
    findings.push(
      `${whereOf(layers, ['allocation', 'augment'])} allocation.augment: pictures needs overflow: repeat, got ${String(overflow)}; set it, or none`,
    );
  }
  const { queries, query_path: queryPath = null } = (merged(layers)['selection'] ?? {}) as JsonObject;
  if (queries === 'evaluation' && queryPath === null && !isSet(layers, ['evaluation', 'path'])) {
    findings.push(
      `${whereOf(layers, ['selection', 'queries'])} selection.queries: evaluation needs evaluation.path, got none; set it, or held_out`,
    );
  }
  const { generate = false, scorers = null } = (merged(layers)['evaluation'] ?? {}) as JsonObject;
  if (scorers !== null && generate !== true) {
    findings.push(
      `${whereOf(layers, ['evaluation', 'scorers'])} evaluation.scorers: needs evaluation.generate: true, got ${JSON.stringify(generate)}; set it, or leave the scorers out`,
    );
  }
  if (got !== null) findings.push(`allocation: exactly one of budget_fraction, budget_rows must be set, got ${got}`);
  if (isSet(layers, ['model', 'adapter'])) {
    const training = ['fraction', 'balance', 'epochs', 'batch_size', 'learning_rate'];
    const set = training.find((key) =>
      layers.some(
        ({ keys, isWhole = false, originOf }) =>
          !isWhole && !originOf([]).where.startsWith('preset') && valueAt(keys, ['warmup', key]) !== undefined,
      ),
    );
    if (set !== undefined) {
      findings.push(
        `${whereOf(layers, ['warmup', set])} warmup.${set}: must not be set beside model.adapter, which takes the place of the warm-up; leave one out`,
      );
    }
  }
  return [...findings, ...trajectoryConflicts(layers), ...preconditionerConflicts(layers)];
}

/** What scaled gradients cannot be made of, and what cannot be chosen by them. */
function preconditionerConflicts(layers: readonly RecipeLayer[]): string[] {
  const keys = merged(layers);
  if (valueAt(keys, ['gradients', 'preconditioner']) !== 'adam') return [];
  const where = `${whereOf(layers, ['gradients', 'preconditioner'])} gradients.preconditioner`;
  const findings: string[] = [];
  if (valueAt(keys, ['gradients', 'projection']) === 'kron')
    findings.push(
      `${where}: adam needs whole gradients, which gradients.projection: kron never forms; set projection: sparse`,
    );
  if (isSet(layers, ['model', 'adapter']))
    findings.push(`${where}: adam needs the moments of the warm-up, which model.adapter has none of; set none`);
  if (numberAt(keys, ['selection', 'rounds'], 1) > 1)
    findings.push(`${where}: adam needs moments, which the models of selection.rounds do not keep; set none`);
  const queries = valueAt(keys, ['selection', 'queries']) ?? 'held_out';
  const asking = methodsOf(keys).find(([, method]) => readsQueries(method))?.[1];
  if (asking !== undefined && queries === 'held_out' && !isSet(layers, ['selection', 'query_path']))
    findings.push(
      `${where}: adam scales the gradients of held-out rows too, and queries of ${asking} are plain; ` +
        'set selection.queries: evaluation, or selection.query_path',
    );
  return findings;
}

/** What the losses at several checkpoints need, and what needs them. */
function trajectoryConflicts(layers: readonly RecipeLayer[]): string[] {
  const keys = merged(layers);
  const count = numberAt(keys, ['warmup', 'trajectory'], 0);
  const findings: string[] = [];
  for (const [path, method] of methodsOf(keys)) {
    const least = leastTrajectory(method);
    if (count >= least) continue;
    findings.push(
      `${whereOf(layers, path)} ${path.join('.')}: ${method} needs warmup.trajectory of at least ${least}, got ${count}; ` +
        'set warmup.trajectory: 4, or take another method',
    );
  }
  const all = ['selection', 'query_checkpoints'];
  if (valueAt(keys, all) === 'all' && count < 2)
    findings.push(
      `${whereOf(layers, all)} selection.query_checkpoints: all needs warmup.trajectory of at least 2, got ${count}; ` +
        'set warmup.trajectory: 4, or query_checkpoints: last',
    );
  if (count === 0) return findings;
  const where = `${whereOf(layers, ['warmup', 'trajectory'])} warmup.trajectory`;
  if (isSet(layers, ['model', 'adapter']))
    findings.push(`${where}: must be 0 beside model.adapter, whose training is not done here, got ${count}`);
  const rounds = numberAt(keys, ['selection', 'rounds'], 1);
  if (rounds > 1)
    findings.push(`${where}: must be 0 beside selection.rounds, whose models keep no checkpoints, got ${count}`);
  return findings;
}

function numberAt(keys: JsonObject, path: readonly string[], otherwise: number): number {
  const value = valueAt(keys, path);
  return typeof value === 'number' ? value : otherwise;
}

/** The methods that a recipe names, with their places. */
function methodsOf(keys: JsonObject): [path: string[], method: SelectionMethod][] {
  const places = [
    ['selection', 'method'],
    ['evaluation', 'compare'],
    ['benchmark', 'methods'],
  ];
  return places.flatMap((path) =>
    [valueAt(keys, path)].flat().flatMap((value): [string[], SelectionMethod][] => {
      const method = METHOD_NAMES.find((name) => name === value);
      return method === undefined ? [] : [[path, method]];
    }),
  );
}
