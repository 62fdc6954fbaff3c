import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { recipeJsonSchema } from '../../../client/recipe/json-schema.ts';
import { PRESETS } from '../../../client/recipe/presets.ts';
import { withWrittenParts } from '../../../client/recipe/recipe-docs.ts';
import { recipeSchema } from '../../../client/recipe/recipe-schema.ts';

const root = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const document = read('docs/recipe.md');

interface Schema {
  description?: string;
  properties?: Record<string, Schema>;
  anyOf?: Schema[];
  items?: Schema;
}

/** Every property of a schema, however deep, by its path. */
function propertiesOf(schema: Schema, path: string): [string, Schema][] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, property]): [string, Schema][] => [
    [`${path}${key}`, property],
    ...propertiesOf(property, `${path}${key}.`),
  ]);
  const nested = [...(schema.anyOf ?? []), ...(schema.items === undefined ? [] : [schema.items])];
  return [...own, ...nested.flatMap((item) => propertiesOf(item, path))];
}

const PROPERTIES = propertiesOf(recipeJsonSchema() as Schema, '');

describe('the recipe’s schema', () => {
  test('describes every property in one short line', () => {
    const isShort = ({ description = '' }: Schema): boolean => /^[^\n]{5,130}[^.\n]$/.test(description);
    expect(PROPERTIES.filter(([, property]) => !isShort(property)).map(([path]) => path)).toEqual([]);
  });

  test('covers rules of tasks down to their keys', () => {
    expect(PROPERTIES.map(([path]) => path)).toEqual(
      expect.arrayContaining(['extends', 'selection', 'dataset.task_rules.question', 'reselect.max_new_fraction']),
    );
  });
});

describe('docs/recipe.md', () => {
  test('says of keys and methods what the code says; npm run docs writes it', () => {
    expect(document).toBe(withWrittenParts(document));
  });

  test('shows a recipe that holds every default', () => {
    const shown = parse(/```yaml\n([^]*?)```/.exec(document)![1]!) as Record<string, Record<string, unknown>>;
    const { extends: base, model, dataset, ...rest } = shown;
    expect(base).toBeNull();
    expect([model!['path'], dataset!['path']]).toEqual([null, null]);
    const places = { model: { ...model, path: 'm' }, dataset: { ...dataset, path: 'd' } };
    const defaults = recipeSchema.parse({ model: { path: 'm' }, dataset: { path: 'd' } });
    expect({ ...rest, ...places }).toEqual(defaults);
  });

  test('names every preset', () => {
    for (const name of Object.keys(PRESETS)) expect(document).toContain(`| \`${name}\` |`);
  });
});

test('documents name keys that a recipe has', () => {
  const files = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)];
  const known = new Set(PROPERTIES.map(([path]) => path));
  const sections = [...known].filter((path) => !path.includes('.'));
  const key = new RegExp(`\`(?:${sections.join('|')})\\.[a-z_]+(?=[\`:=])`, 'g');
  const named = files
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) => [...read(path).matchAll(key)].map(([match]) => match.slice(1)));
  expect(named.length).toBeGreaterThan(5);
  // One of them is a file of a model folder.
  expect(named.filter((path) => !known.has(path) && path !== 'model.safetensors')).toEqual([]);
});
