// The recipes that are shown: each loads, and together they show every key.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { PRESETS } from '../../client/recipe/presets.ts';
import { loadRecipe } from '../../client/recipe/recipe.ts';
import { recipeSchema } from '../../client/recipe/recipe-schema.ts';

const ROOT = join(import.meta.dirname, '../..');
const EXAMPLES = join(ROOT, 'examples');
const SHOWN = readdirSync(join(EXAMPLES, 'recipes')).sort();

type Sections = Readonly<Record<string, object>>;

/** `section.key` of every key that a recipe sets. */
function keysOf(recipe: object): string[] {
  return Object.entries(recipe as Sections)
    .filter(([section]) => section !== 'extends')
    .flatMap(([section, keys]) => Object.keys(keys).map((key) => `${section}.${key}`));
}

/** All recipes of the folder of examples; those of forms and models are one a folder or file. */
function examples(): string[] {
  const paths = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' });
  return paths.filter((path) => /^(recipes|forms|models)[/\\].*\.yaml$/.test(path));
}

describe.each(SHOWN)('examples/recipes/%s', (name) => {
  const path = join(EXAMPLES, 'recipes', name);
  const text = readFileSync(path, 'utf8');

  test('loads, under its own name', () => {
    expect(loadRecipe(path, {}).runName).toBe(name.replace('.yaml', ''));
  });

  test('says of every key why it is set', () => {
    const lines = text.split('\n');
    const bare = lines.filter((line, index) => /^ {2}\w+:/.test(line) && !/^ {2}# \S/.test(lines[index - 1]!));
    expect(bare).toEqual([]);
  });

  test('stands in docs/recipe.md', () => {
    expect(readFileSync(join(ROOT, 'docs/recipe.md'), 'utf8')).toContain(`(../examples/recipes/${name})`);
  });
});

test('every key of a recipe is set by a preset or an example', () => {
  const known = keysOf(recipeSchema.parse({ model: { path: 'm' }, dataset: { path: 'd' } }));
  const read = (path: string): object => parse(readFileSync(join(EXAMPLES, path), 'utf8')) as object;
  const set = new Set([...Object.values(PRESETS), ...examples().map(read)].flatMap(keysOf));
  expect(known.length).toBeGreaterThan(50);
  expect(known.filter((key) => !set.has(key))).toEqual([]);
});
