// The recipes that are shown: each loads and says why it sets what it sets.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadRecipe } from '../../client/recipe/recipe.ts';

const ROOT = join(import.meta.dirname, '../..');
const EXAMPLES = join(ROOT, 'examples');
const SHOWN = readdirSync(join(EXAMPLES, 'recipes')).sort();

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
