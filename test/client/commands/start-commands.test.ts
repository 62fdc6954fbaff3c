import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
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
      expect(made.stdout).toMatch(/^26 rows, 0 pictures missing\nrecipe\.yaml and tive\.schema\.json are written\n/);
      const text = readFileSync(join(folder, 'recipe.yaml'), 'utf8');
      expect(text).toMatch(/^# yaml-language-server: \$schema=\.\/tive\.schema\.json\n/);
      expect(parse(text)).toMatchObject({ dataset: labels, allocation: { budget_fraction: 0.3 } });
      const { config } = loadRecipe(join(folder, 'recipe.yaml'), {});
      expect(config.dataset.path).toEqual([data]);
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

  test('in zsh and fish names the same commands', async () => {
    const [zsh, fish] = [await tive(root, 'completion', 'zsh'), await tive(root, 'completion', 'fish')];
    expect(zsh.stdout).toMatch(/^#compdef tive\n/);
    for (const name of ['run', 'compare', 'data']) expect(fish.stdout).toContain(`-a '${name}'`);
    expect((await tive(root, 'completion', 'tcsh')).exitCode).toBe(2);
  });
});
