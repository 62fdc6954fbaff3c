import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { recipeJsonSchema } from '../../../client/recipe/json-schema.ts';
import { loadRecipe } from '../../../client/recipe/recipe.ts';
import { modelFolder } from '../small-dataset.ts';
import { tive } from '../in-process.ts';

const FORMS = join(import.meta.dirname, '../../../examples/forms');
const root = mkdtempSync(join(tmpdir(), 'tive-start-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('init', () => {
  test.each<[string, string, unknown]>([
    ['labels', 'llava/rows.json', { task_rules: null }],
    ['labels, in a folder of several forms', 'several', { task_rules: null }],
    ['task_name', 'vision-flan/rows.json', { task_field: 'task_name', task_rules: null }],
    ['no label', 'no-labels/rows.jsonl', { task_rules: 'cluster' }],
  ])(
    'writes a recipe that can be run, for rows with %s',
    async (name, rows, labels) => {
      const folder = mkdtempSync(join(root, 'init-'));
      const [data, images] = [join(FORMS, rows), join(FORMS, 'images')];
      const made = await tive(
        folder,
        'init',
        '--model',
        modelFolder,
        '--data',
        data,
        '--images',
        images,
        '--budget',
        '0.3',
      );
      expect(made.exitCode, made.stderr).toBe(0);
      expect(made.stdout).toMatch(
        /^2[06] rows \([a-z, ]+\), 0 pictures missing\ntasks: .*\nno test rows: .*\nrecipe\.yaml and tive\.schema\.json are written\n/,
      );
      const text = readFileSync(join(folder, 'recipe.yaml'), 'utf8');
      expect(text).toMatch(/^# yaml-language-server: \$schema=\.\/tive\.schema\.json\n/);
      expect(parse(text)).toMatchObject({ dataset: labels, allocation: { budget_fraction: 0.3 } });
      const { config } = loadRecipe(join(folder, 'recipe.yaml'), {});
      expect(config.dataset.path.every((path) => path.startsWith(data))).toBe(true);
      expect(JSON.parse(readFileSync(join(folder, 'tive.schema.json'), 'utf8'))).toEqual(recipeJsonSchema());
      expect((await tive(folder, 'data', 'validate', 'recipe.yaml', 'warmup.lora_rank=4')).stdout, name).toMatch(
        /\na run +takes it\n$/,
      );
    },
    60_000,
  );

  test('builds on a preset, writes over nothing, and asks for what it cannot guess', async () => {
    const folder = mkdtempSync(join(root, 'init-'));
    const given = ['--model', modelFolder, '--data', join(FORMS, 'llava/rows.json')];
    expect((await tive(folder, 'init', '--preset', 'tive-released', ...given)).exitCode).toBe(0);
    expect(parse(readFileSync(join(folder, 'recipe.yaml'), 'utf8'))).toMatchObject({ extends: 'tive-released' });
    expect(await tive(folder, 'init', ...given)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/must be a new file/) as string,
    });
    const less = await tive(folder, 'init', '-o', 'other.yaml', '--data', 'x');
    expect(less).toMatchObject({
      exitCode: 2,
      stderr: 'init: --model and --data must be given where nobody can be asked, got less\n',
    });
    const none = await tive(folder, 'init', '-o', 'other.yaml', '--model', modelFolder, '--data', 'no.json');
    expect(none).toMatchObject({ exitCode: 2, stderr: 'dataset.path: file must exist, got "no.json"\n' });
    const noImages = await tive(folder, 'init', '-o', 'other.yaml', ...given, '--images', 'nowhere');
    expect(noImages).toMatchObject({
      exitCode: 2,
      stderr: 'dataset.image_folder: folder must exist, got "nowhere"\n',
    });
    expect(existsSync(join(folder, 'other.yaml'))).toBe(false);
  }, 60_000);
});

describe('init, where nobody was asked for more', () => {
  /** Rows beside `images/`, with their source in `data_source`; so many of their pictures are there. */
  function folderOf(pictureCount: number): string {
    const folder = mkdtempSync(join(root, 'rows-'));
    mkdirSync(join(folder, 'data/images/a'), { recursive: true });
    const rows = Array.from({ length: 8 }, (_, index) => ({
      id: index,
      data_source: index % 2 === 0 ? 'charts' : 'maps',
      image: `a/${index}.png`,
      conversations: [
        { from: 'human', value: '<image>\nWhat?' },
        { from: 'gpt', value: 'That.' },
      ],
    }));
    writeFileSync(join(folder, 'data/rows.json'), JSON.stringify(rows));
    writeFileSync(join(folder, 'data/rows-test.json'), JSON.stringify(rows.slice(0, 2)));
    for (let index = 0; index < pictureCount; index += 1)
      writeFileSync(join(folder, `data/images/a/${index}.png`), readFileSync(join(FORMS, 'images/red-line.png')));
    return folder;
  }
  const init = (folder: string, ...words: string[]) => tive(folder, 'init', '--model', modelFolder, ...words);

  test('finds the pictures beside the rows and the key of the task, and says that test rows are missing', async () => {
    const folder = folderOf(8);
    const made = await init(folder, '--data', 'data/rows.json');
    expect(made).toMatchObject({ exitCode: 0, stderr: '' });
    expect(made.stdout).toBe(
      [
        '8 rows (llava), 0 pictures missing (found in data/images)',
        'tasks: 2 by the rows’ own "data_source"; another key with --task-field',
        'no test rows: the run will not show how good its choice is; set evaluation.path, to data/rows-test.json perhaps',
        'recipe.yaml and tive.schema.json are written',
        'look: tive plan recipe.yaml',
        'run:  tive run recipe.yaml',
        '',
      ].join('\n'),
    );
    expect(parse(readFileSync(join(folder, 'recipe.yaml'), 'utf8'))).toEqual({
      model: { path: expect.any(String) as string },
      dataset: { path: 'data/rows.json', image_folder: 'data/images', task_field: 'data_source', task_rules: null },
      allocation: { budget_fraction: 0.15 },
    });
  });

  test('takes test rows, their pictures, the template and the key of the task as options', async () => {
    const folder = folderOf(8);
    const options = ['--test', 'data/rows-test.json', '--template', 'vicuna_v1', '--task-field', 'data_source'];
    const made = await init(folder, '--data', 'data/rows.json', ...options);
    expect(made.stdout).not.toContain('no test rows');
    expect(parse(readFileSync(join(folder, 'recipe.yaml'), 'utf8'))).toMatchObject({
      model: { template: 'vicuna_v1' },
      evaluation: { path: 'data/rows-test.json', image_folder: 'data/images' },
    });
    const without = await init(folder, '-o', 'other.yaml', '--data', 'data/rows.json', '--test', 'no.json');
    expect(without).toMatchObject({ exitCode: 2, stderr: 'evaluation.path: file must exist, got "no.json"\n' });
  });

  test('writes no recipe where most pictures are missing, unless it is told to', async () => {
    const folder = folderOf(2);
    const refused = await init(folder, '--data', 'data/rows.json');
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toMatch(
      /^dataset\.image_folder: most pictures must be there, got 6 of 8 missing below data\/images, for instance a\/\d\.png; name their folder with --images, or .* --without-pictures\n$/,
    );
    expect(existsSync(join(folder, 'recipe.yaml'))).toBe(false);
    expect((await init(folder, '--data', 'data/rows.json', '--without-pictures')).exitCode).toBe(0);
  });
});

describe("the recipe's JSON schema", () => {
  const { properties } = recipeJsonSchema() as { properties: Record<string, { properties: Record<string, unknown> }> };

  test('has every section and key, choices, ranges and defaults', () => {
    expect(Object.keys(properties)).toEqual(
      expect.arrayContaining(['extends', 'run', 'model', 'dataset', 'warmup', 'gradients', 'allocation', 'reselect']),
    );
    expect(properties['allocation']!.properties['weighting']).toMatchObject({
      default: 'value',
      enum: ['value', 'equal', 'size'],
    });
    expect(properties['dataset']!.properties['max_images']).toMatchObject({ default: 1, minimum: 1, maximum: 64 });
    expect(properties['dataset']).toMatchObject({ additionalProperties: false });
    expect(JSON.stringify(properties)).not.toContain('"required":[');
  });

  test('is what tive schema prints', async () => {
    expect(JSON.parse((await tive(root, 'schema')).stdout)).toEqual(recipeJsonSchema());
  });
});

describe('completion', () => {
  const complete = (script: string, ...words: string[]): string[] => {
    const line = `${script}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _tive; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return spawnSync('bash', ['-c', line], { encoding: 'utf8' }).stdout.trim().split('\n');
  };

  test('in bash gives commands, their subcommands, choices and options', async () => {
    const { stdout } = await tive(root, 'completion', 'bash');
    expect(complete(stdout, 'tive', 'comp')).toEqual(['compare', 'completion']);
    expect(complete(stdout, 'tive', 'data', '')).toEqual(
      expect.arrayContaining(['inspect', 'validate', 'label', 'convert']),
    );
    expect(complete(stdout, 'tive', 'list', 'pre')).toEqual(['presets']);
    expect(complete(stdout, 'tive', 'run', 'recipe.yaml', '--unt')).toEqual(['--until']);
    expect(complete(stdout, 'tive', 'data', 'convert', 'x', '--t')).toEqual(['--to', '--task-field']);
  });

  test('README’s table has one command a row, and every command', async () => {
    const readme = readFileSync(join(FORMS, '../../README.md'), 'utf8');
    const rows = readme.split('\n').filter((line) => line.startsWith('| `tive '));
    for (const row of rows) expect(row.split('|')[1]!.trim(), row).not.toMatch(/` *[,·] *`/);
    const { stdout } = await tive(root, 'completion', 'fish');
    const names = [...stdout.matchAll(/use_subcommand' -a '(\w+)'/g)].map(([, name]) => name!);
    expect(names).toContain('export');
    for (const name of names.filter((one) => one !== 'help')) {
      const own = rows.filter((row) => new RegExp(`^\\| \`tive ${name}\\b`).test(row));
      expect(own.length, name).toBeGreaterThan(0);
    }
  });

  test('in zsh and fish names the same commands', async () => {
    const [zsh, fish] = [await tive(root, 'completion', 'zsh'), await tive(root, 'completion', 'fish')];
    expect(zsh.stdout).toMatch(/^#compdef tive\n/);
    for (const name of ['run', 'compare', 'data']) expect(fish.stdout).toContain(`-a '${name}'`);
    expect((await tive(root, 'completion', 'tcsh')).exitCode).toBe(2);
  });
});
