// The form of a recipe: fields from the schema, values in the text.
import { describe, expect, test } from 'vitest';
import { recipeJsonSchema } from '../../../client/recipe/json-schema.ts';
import { sectionsOf, standardWords } from '../../../page/app/logic/recipe-fields.ts';
import type { Field } from '../../../page/app/logic/recipe-fields.ts';
import {
  FIRST_RECIPE,
  fieldText,
  fieldValue,
  findingsOf,
  readKey,
  readRecipe,
  writeKey,
  yamlProblem,
} from '../../../page/app/logic/recipe-text.ts';

const sections = sectionsOf(recipeJsonSchema());
const fields = new Map(sections.flatMap((section) => section.fields.map((field) => [field.key, field])));
const field = (key: string): Field => fields.get(key)!;

/** Keys of the schema that hold no further keys, by a plain walk. */
function leaves(schema: object, path: string): string[] {
  return Object.entries('properties' in schema ? (schema.properties as Record<string, object>) : {}).flatMap(
    ([name, part]) => ('properties' in part ? leaves(part, `${path}${name}.`) : [`${path}${name}`]),
  );
}

describe('fields', () => {
  test('every key of a recipe has one', () => {
    expect([...fields.keys()].sort()).toEqual(leaves(recipeJsonSchema(), '').sort());
  });

  test('every one says what it means', () => {
    expect([...fields.values()].filter(({ description }) => description === '')).toEqual([]);
  });

  test('its kind is that of its values', () => {
    expect(field('extends').kind).toBe('text');
    expect(field('run.seed')).toMatchObject({ kind: 'number', isInteger: true, least: 0, most: null, standard: 42 });
    expect(field('run.name')).toMatchObject({ kind: 'text', standard: null });
    expect(field('model.engine')).toMatchObject({ kind: 'choice', standard: 'auto' });
    expect(field('model.engine').options).toContain('torch');
    expect(field('values.self_term').kind).toBe('switch');
    expect(field('dataset.path').kind).toBe('list');
    expect(field('dataset.columns').kind).toBe('yaml');
    expect(field('selection.filters')).toMatchObject({
      kind: 'choices',
      options: ['loss_guard', 'loss_cut', 'near_duplicates'],
    });
  });

  test('defaults are said in words', () => {
    expect([42, null, [], ['a', 'b'], true, undefined].map(standardWords)).toEqual([
      '42',
      'none',
      'none',
      'a, b',
      'true',
      '',
    ]);
  });
});

describe('the text', () => {
  test('a key is read from where it stands', () => {
    const recipe = readRecipe(FIRST_RECIPE);
    expect(readKey(recipe, 'run.name')).toBe('first');
    expect(readKey(recipe, 'run.seed')).toBeUndefined();
    expect(readKey(recipe, 'extends.length')).toBeUndefined();
    expect(readKey(readRecipe('a: [b'), 'a')).toBeUndefined();
  });

  test('a key is written, comments stay, and taking it away takes its empty section away', () => {
    const before = '# ours\nextends: demo # the small one\n';
    const after = writeKey(before, 'gradients.sketch', 512);
    expect(after).toBe('# ours\nextends: demo # the small one\ngradients:\n  sketch: 512\n');
    expect(writeKey(after, 'gradients.sketch', undefined)).toBe(before);
  });

  test('a key is written into an empty text, and into a section that is none', () => {
    expect(writeKey('', 'run.seed', 7)).toBe('run:\n  seed: 7\n');
    expect(readKey(readRecipe(writeKey('run: null\n', 'run.seed', 7)), 'run.seed')).toBe(7);
    expect(writeKey('run:\n  seed: 7\n', 'run.seed', undefined)).toBe('');
  });

  test('a text that is no YAML is left alone and said to be none', () => {
    expect(writeKey('a: [b', 'run.seed', 7)).toBe('a: [b');
    expect(yamlProblem('a: [b')).not.toBeNull();
    expect(yamlProblem(FIRST_RECIPE)).toBeNull();
  });
});

test('a value is the same after it was a field’s text', () => {
  const cases: [string, unknown][] = [
    ['run.seed', 7],
    ['run.name', 'mine'],
    ['values.self_term', false],
    ['dataset.path', ['a.json', 'b.json']],
    ['dataset.path', 'a.json'],
    ['dataset.columns', { image: 'img', answer: 'a' }],
    ['selection.filters', ['loss_guard', 'loss_cut']],
  ];
  for (const [key, value] of cases) {
    const { kind } = field(key);
    const text = kind === 'choices' ? (value as string[]).join('\n') : fieldText(field(key), value);
    expect(fieldValue(field(key), text)).toEqual(value);
  }
  expect(fieldValue(field('run.seed'), ' ')).toBeUndefined();
  expect(fieldValue(field('run.seed'), 'many')).toBe('many');
});

test('findings stand at their field, those of what lies in it too', () => {
  const findings = [{ key: 'run' }, { key: 'run.seed' }, { key: 'run.seeds' }, { key: 'run.seed.0' }, { key: null }];
  expect(findingsOf(findings, 'run.seed')).toEqual([{ key: 'run.seed' }, { key: 'run.seed.0' }]);
});
