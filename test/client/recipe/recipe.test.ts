import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { nearest } from '../../../client/recipe/nearest.ts';
import { PRESETS } from '../../../client/recipe/presets.ts';
import { loadPreset, loadRecipe } from '../../../client/recipe/recipe.ts';
import { recipeSchema } from '../../../client/recipe/recipe-schema.ts';
import { METHOD_NAMES } from '../../../contracts/methods.ts';
import { refusalOf, writeRecipe } from './recipe-file.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-recipe-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folder: string;
let count = 0;
beforeEach(() => {
  folder = join(root, String(count++));
  mkdirSync(join(folder, 'model'), { recursive: true });
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'data/mix.json'), '[]');
});

const NEEDED = 'model: { path: model }\ndataset: { path: data/mix.json }\n';

const write = (text: string, name?: string): string => writeRecipe(folder, text, name);
const refusal = (text: string, overrides: string[] = []): string => refusalOf(write(text), overrides);

describe('a recipe', () => {
  test('gets every default, absolute paths and a name from its dataset', () => {
    const { config, runName } = loadRecipe(write(NEEDED));
    expect(runName).toMatch(/^mix-[0-9a-f]{8}$/);
    expect(config.dataset.path).toEqual([join(folder, 'data/mix.json')]);
    expect(config.model.path).toBe(join(folder, 'model'));
    expect(config.store.uri).toBe(join(process.cwd(), 'tive-store'));
    expect(config.allocation).toEqual({
      budgetFraction: 0.15,
      budgetRows: null,
      budgetBase: 'eligible',
      weighting: 'value',
      alpha: 0.5,
      overflow: 'redistribute',
      augment: 'none',
      rounding: 'largest_remainder',
      approval: 'none',
    });
    expect(config.selection).toEqual({
      method: 'tive',
      lambda: 3,
      rounds: 1,
      essTarget: null,
      replacement: false,
      ranks: 'top',
      queries: 'held_out',
      queryCheckpoints: 'last',
      queryPath: null,
      queryRows: 16,
      queryRank: 32,
      clusterCount: 16,
      filters: [],
      nearDuplicateCosine: 0.95,
      nearDuplicateWeight: null,
      lossGuard: 0.1,
      lossCut: 0.15,
    });
    expect(config.warmup.fraction).toBe(0.08);
    // Left to the number of rows.
    expect(config.warmup).toMatchObject({ epochs: null, batchSize: null, learningRate: null });
    expect(config.finetune).toMatchObject({ epochs: null, batchSize: null, learningRate: null });
    expect(config.gradients.sketch).toBe(8192);
  });

  test('the same recipe has the same name, another seed another one', () => {
    const name = (text: string): string => loadRecipe(write(text)).runName;
    expect(name(NEEDED)).toBe(name(NEEDED));
    expect(name(`${NEEDED}run: { seed: 43 }\n`)).not.toBe(name(NEEDED));
    expect(name(`${NEEDED}run: { output_dir: elsewhere }\n`)).toBe(name(NEEDED));
  });

  test('command line > recipe > preset > default', () => {
    const path = write(
      `extends: tive-released\n${NEEDED}selection: { lambda: 2 }\ndataset: { path: data/mix.json, exclude_tasks: [] }\n`.replace(
        'dataset: { path: data/mix.json }\n',
        '',
      ),
    );
    const { config } = loadRecipe(path, { overrides: ['selection.method=grand', 'run.seed=7'] });
    expect(config.selection).toMatchObject({ method: 'grand', lambda: 2, replacement: false, ranks: 'top' });
    expect(config.gradients.projection).toBe('rademacher');
    expect(config.dataset.excludeTasks).toEqual([]);
    expect(config.run.seed).toBe(7);
    // The released scripts' own, whatever the number of rows.
    expect(config.warmup).toMatchObject({ epochs: 1, batchSize: 128, learningRate: 2e-5 });
    expect(config.finetune).toMatchObject({ epochs: 1, batchSize: 128, learningRate: 2e-5 });
  });

  test('extends another recipe, whose paths are relative to its own folder', () => {
    mkdirSync(join(folder, 'base/data'), { recursive: true });
    writeFileSync(join(folder, 'base/data/mix.json'), '[]');
    write('model: { path: ../model }\ndataset: { path: data/mix.json }\nwarmup: { epochs: 2 }\n', 'base/base.yaml');
    const { config } = loadRecipe(write('extends: base/base.yaml\nwarmup: { lora_rank: 8 }\n'));
    expect(config.dataset.path).toEqual([join(folder, 'base/data/mix.json')]);
    expect(config.warmup).toMatchObject({ epochs: 2, loraRank: 8 });
  });

  test('test rows may be a folder, a list or numbers in braces, as the dataset; one file stays a text', () => {
    writeFileSync(join(folder, 'data/test-1.jsonl'), '');
    const pathOf = (path: string) =>
      loadRecipe(write(`${NEEDED}evaluation: { path: ${path} }\n`)).config.evaluation.path;
    const both = [join(folder, 'data/mix.json'), join(folder, 'data/test-1.jsonl')];
    expect(pathOf('data')).toEqual(both);
    expect(pathOf('[data/mix.json, data/test-1.jsonl]')).toEqual(both);
    expect(pathOf('"data/test-{1..1}.jsonl"')).toBe(both[1]);
    expect(pathOf('data/mix.json')).toBe(both[0]);
    expect(refusal(`${NEEDED}evaluation: { path: model }\n`)).toMatch(/^evaluation\.path: folder must hold \.json, /);
  });

  test('what of a folder is not read is said by name', () => {
    writeFileSync(join(folder, 'data/notes.txt'), '');
    mkdirSync(join(folder, 'data/more'));
    expect(loadRecipe(write(NEEDED.replace('data/mix.json', 'data'))).notes).toEqual([
      `dataset.path: of "${join(folder, 'data')}" 1 is read, not read: more/ (0 entries), notes.txt`,
    ]);
    expect(loadRecipe(write(NEEDED)).notes).toEqual([]);
  });

  test('a folder of data is its JSON files in order, a list stays a list', () => {
    writeFileSync(join(folder, 'data/a.jsonl'), '');
    for (const name of ['notes.txt', 'dataset_info.json', 'tive.schema.json', 'quarantine.jsonl', '._a.jsonl'])
      writeFileSync(join(folder, 'data', name), '');
    mkdirSync(join(folder, 'data/sub.json'));
    const whole = loadRecipe(write('model: { path: model }\ndataset: { path: data }\n')).config.dataset.path;
    expect(whole).toEqual([join(folder, 'data/a.jsonl'), join(folder, 'data/mix.json')]);
    const list = write('model: { path: model }\ndataset: { path: [data/mix.json, data/a.jsonl] }\n');
    expect(loadRecipe(list).config.dataset.path).toEqual([...whole].reverse());
  });

  test('merge keys of YAML are merged', () => {
    const text = `base: &base { lambda: 2, method: grand }\n${NEEDED}selection: { <<: *base, lambda: 5 }\n`;
    expect(refusal(text)).toBe('recipe.yaml:1:1: keys must be known, got "base"');
    const { selection } = loadRecipe(
      write(`${NEEDED}selection: { <<: { method: grand, lambda: 2 }, lambda: 5 }\n`),
    ).config;
    expect(selection).toMatchObject({ method: 'grand', lambda: 5 });
  });

  test('a budget in rows takes the place of the default share', () => {
    const { allocation } = loadRecipe(write(`${NEEDED}allocation: { budget_rows: 500 }\n`)).config;
    expect(allocation).toMatchObject({ budgetRows: 500, budgetFraction: null });
  });

  test('an address of a store stays as it is, a folder becomes absolute', () => {
    const uriOf = (text: string, overrides: string[] = []): string =>
      loadRecipe(write(`${NEEDED}${text}`), { overrides }).config.store.uri;
    expect(uriOf('store: { uri: s3://bucket/prefix }\n')).toBe('s3://bucket/prefix');
    expect(uriOf('', ['store.uri=s3://bucket/a/b'])).toBe('s3://bucket/a/b');
    expect(uriOf('store: { uri: kept/here }\n')).toBe(join(folder, 'kept/here'));
    expect(uriOf('', ['store.uri=there'])).toBe(join(process.cwd(), 'there'));
    expect(refusal(NEEDED, ['store.uri=gs://bucket/a'])).toBe(
      'store: address must be a folder or s3://bucket/prefix, got one of gs://',
    );
  });

  test('files are not looked for where they lie on other machines', () => {
    const path = write('model: { path: /models/llava }\ndataset: { path: /data/mix.json }\n');
    expect(loadRecipe(path, { checksFiles: false }).config.model.path).toBe('/models/llava');
  });
});

describe('a recipe is refused with place and remedy', () => {
  test.each<[string, string, string]>([
    [
      'unknown key',
      `${NEEDED.replace('mix.json }', 'mix.json,\n  exclude_task: [a] }')}`,
      'recipe.yaml:3:3: keys must be known, got "exclude_task"; did you mean "exclude_tasks"?',
    ],
    [
      'unknown section',
      `${NEEDED}selecton: {}\n`,
      'recipe.yaml:3:1: keys must be known, got "selecton"; did you mean "selection"?',
    ],
    [
      'fraction in per cent',
      `${NEEDED}allocation:\n    budget_fraction: 15\n`,
      'recipe.yaml:4:5 allocation.budget_fraction: must be in (0, 1], got 15; write 0.15 for 15 %',
    ],
    [
      'both budgets',
      `${NEEDED}allocation: { budget_fraction: 0.1, budget_rows: 5 }\n`,
      'allocation: exactly one of budget_fraction, budget_rows must be set, got both; set one to null',
    ],
    [
      'no budget',
      `${NEEDED}allocation: { budget_fraction: null }\n`,
      'allocation: exactly one of budget_fraction, budget_rows must be set, got neither; set budget_fraction: 0.15',
    ],
    [
      'negative lambda',
      `${NEEDED}selection: { lambda: -1 }\n`,
      'recipe.yaml:3:14 selection.lambda: must be a number of at least 0, got -1',
    ],
    [
      'sketch',
      `${NEEDED}gradients: { sketch: 1000 }\n`,
      'recipe.yaml:3:14 gradients.sketch: must be a power of two from 2 to 1048576, got 1000',
    ],
    [
      'method',
      `${NEEDED}selection: { method: best }\n`,
      `recipe.yaml:3:14 selection.method: must be one of ${METHOD_NAMES.join(', ')}, auto, got "best"`,
    ],
    [
      'wrong type',
      `${NEEDED}warmup: { epochs: many }\n`,
      'recipe.yaml:3:11 warmup.epochs: must be a whole number from 1 to 1000, got "many"',
    ],
    ['section that is no map', `${NEEDED}warmup: 3\n`, 'recipe.yaml:3:1 warmup: must be a map of keys, got 3'],
    [
      'name',
      `${NEEDED}run: { name: My Run }\n`,
      'recipe.yaml:3:8 run.name: must be 1 to 64 of a-z, 0-9, -, got "My Run"',
    ],
    [
      'no model',
      'dataset: { path: data/mix.json }\n',
      'recipe.yaml:1:1 model.path: must be a model folder, got nothing',
    ],
    [
      'no file',
      'model: { path: model }\ndataset: { path: data/mox.json }\n',
      'dataset.path: file must exist, got "data/mox.json" (relative to the recipe\'s folder)',
    ],
    [
      'no model folder',
      NEEDED.replace('model }', 'modle }'),
      'model.path: folder must exist, got "modle" (relative to the recipe\'s folder)',
    ],
    [
      'file for a folder',
      `${NEEDED}evaluation: { image_folder: data/mix.json }\n`,
      'evaluation.image_folder: must be a folder, got "data/mix.json" (relative to the recipe\'s folder)',
    ],
    [
      'address for a folder',
      'model: { path: "https://example.org/model" }\ndataset: { path: data/mix.json }\n',
      'recipe.yaml:1:10 model.path: must be a model folder, got "https://example.org/model"',
    ],
    [
      'number that is none',
      `${NEEDED}selection: { lambda: .nan }\n`,
      'recipe.yaml:3:14 selection.lambda: must be a number of at least 0, got NaN',
    ],
    [
      'number that is too large, once',
      `${NEEDED}run: { seed: 1e300 }\n`,
      'recipe.yaml:3:8 run.seed: must be a whole number of at least 0, got 1e+300',
    ],
    [
      'preset by the name of what every object has',
      `extends: constructor\n${NEEDED}`,
      `recipe.yaml:1:1 extends: preset must be known, got "constructor"; known: ${Object.keys(PRESETS).join(', ')}`,
    ],
    ['list', '- model\n', 'recipe.yaml:1:1: a recipe must be a map of keys, got a list'],
    [
      'unknown preset',
      `extends: lava\n${NEEDED}`,
      `recipe.yaml:1:1 extends: preset must be known, got "lava"; known: ${Object.keys(PRESETS).join(', ')}`,
    ],
  ])('%s', (_, text, message) => {
    expect(refusal(text)).toBe(message);
  });

  test('all findings come at once', () => {
    const lines = refusal(`${NEEDED}selection: { lambda: -1, methd: tive }\nwarmup: { epochs: 0 }\n`).split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(
      expect.arrayContaining(['recipe.yaml:3:14', 'recipe.yaml:3:26:', 'recipe.yaml:4:11']),
    );
  });

  test('broken YAML names the place, an override of another form or with a bad value the command line', () => {
    expect(refusal('model: { path: model\n')).toMatch(/^recipe\.yaml:2:1: must be YAML, got /);
    expect(refusal(NEEDED, ['lambda'])).toBe('command line: settings must be key.path=value, got "lambda"');
    expect(refusal(NEEDED, ['selection.lambda=-2'])).toBe(
      'command line selection.lambda: must be a number of at least 0, got -2',
    );
    expect(refusal(NEEDED, ['model=5', 'model.path=x'])).toBe('command line model: must be a map of keys, got 5');
    expect(refusal(NEEDED, ['selection.lamda=2'])).toBe(
      'command line: keys must be known, got "lamda"; did you mean "lambda"?',
    );
  });

  test('recipes that extend one another in a circle', () => {
    write('extends: recipe.yaml\n', 'other.yaml');
    expect(refusal(`extends: other.yaml\n${NEEDED}`)).toBe(
      'extends: recipes must end, got a circle: recipe.yaml → other.yaml → recipe.yaml',
    );
  });

  test('a recipe above 1 MiB, and one that is not there', () => {
    expect(refusal(`${NEEDED}#${' '.repeat(1024 * 1024)}`)).toMatch(
      /^recipe\.yaml: a recipe must have at most 1 MiB, got \d+ bytes$/,
    );
    expect(() => loadRecipe(join(folder, 'none.yaml'))).toThrow(/^recipe: file must exist, got /);
  });
});

describe('presets', () => {
  test.each(Object.keys(PRESETS))('%s holds known keys and values only', (name) => {
    const preset = PRESETS[name]!;
    const whole = { ...preset, model: { path: 'm', ...preset.model }, dataset: { path: 'd', ...preset.dataset } };
    expect(recipeSchema.safeParse(whole).error?.issues ?? []).toEqual([]);
  });

  test('demo is whole: it runs without a recipe, on files that are there', () => {
    const { config, runName } = loadPreset('demo');
    expect(runName).toBe('demo');
    expect(config.dataset.path[0]).toMatch(/examples\/demo\/data\/train\.json$/);
    expect(config.evaluation.compare).toEqual(['random', 'task_balanced']);
  });
});

describe('nearest', () => {
  test.each<[string, string | null]>([
    ['exclude_task', 'exclude_tasks'],
    ['lamda', 'lambda'],
    ['epoch', 'epochs'],
    ['zzz', null],
  ])('%s → %s', (word, expected) => {
    expect(nearest(word, ['exclude_tasks', 'lambda', 'epochs', 'seed'])).toBe(expected);
  });
});

describe('a key named as the prototype of objects', () => {
  const UNKNOWN = /keys must be known, got (warmup\.)?"?__proto__/;

  test('is an unknown key like any other, in a recipe and on the command line', () => {
    expect(refusal(`${NEEDED}__proto__: { polluted: 1 }\n`)).toMatch(UNKNOWN);
    expect(refusal(`${NEEDED}warmup: { __proto__: { polluted: 1 } }\n`)).toMatch(UNKNOWN);
    expect(refusal(NEEDED, ['__proto__.polluted=1'])).toMatch(UNKNOWN);
    expect(refusal(NEEDED, ['warmup.__proto__.polluted=1'])).toMatch(UNKNOWN);
    expect(refusal(NEEDED, ['constructor.prototype.polluted=1'])).toMatch(/keys must be known, got "?constructor/);
  });

  test('never reaches it', () => {
    refusal(NEEDED, ['__proto__.polluted=1']);
    expect({}).not.toHaveProperty('polluted');
  });
});

describe('test rows are named as the dataset’s are', () => {
  const located = (evaluation: string) => loadRecipe(write(`${NEEDED}evaluation: ${evaluation}\n`)).config.evaluation;

  test('a folder is its files, of one file that file; a list keeps its order', () => {
    mkdirSync(join(folder, 'test'));
    writeFileSync(join(folder, 'test/b.json'), '[]');
    expect(located('{ path: test }').path).toBe(join(folder, 'test/b.json'));
    writeFileSync(join(folder, 'test/a.jsonl'), '');
    expect(located('{ path: test }').path).toEqual([join(folder, 'test/a.jsonl'), join(folder, 'test/b.json')]);
    expect(located('{ path: [test, data/mix.json], image_folder: [data, model] }')).toMatchObject({
      path: [join(folder, 'test/a.jsonl'), join(folder, 'test/b.json'), join(folder, 'data/mix.json')],
      imageFolder: [join(folder, 'data'), join(folder, 'data'), join(folder, 'model')],
    });
  });

  test('what is missing or holds no rows is refused by its own key', () => {
    expect(refusal(`${NEEDED}evaluation: { path: [data/mix.json, data/no.json] }\n`)).toBe(
      'evaluation.path: file must exist, got "data/no.json" (relative to the recipe\'s folder)',
    );
    expect(refusal(`${NEEDED}evaluation: { path: model }\n`)).toMatch(
      /^evaluation\.path: folder must hold .* got none/,
    );
    expect(refusal(`${NEEDED}evaluation: { path: [data/mix.json], image_folder: [data, data] }\n`)).toBe(
      'evaluation.image_folder: list must have one folder for each of 1 paths, got 2',
    );
  });
});
