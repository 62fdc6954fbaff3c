import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { loadRecipe } from '../../../client/recipe/recipe.ts';
import { refusalOf, writeRecipe } from './recipe-file.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-conflicts-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folder: string;
let count = 0;
beforeEach(() => {
  folder = join(root, String(count++));
  for (const name of ['model', 'adapter']) mkdirSync(join(folder, name), { recursive: true });
  for (const name of ['mix.json', 'test.json']) writeFileSync(join(folder, name), '[]');
});

const NEEDED = 'model: { path: model }\ndataset: { path: mix.json }\n';
const WITH_ADAPTER = NEEDED.replace('model }', 'model, adapter: adapter }');

const write = (text: string): string => writeRecipe(folder, text);
const refusal = (text: string, overrides: string[] = []): string => refusalOf(write(text), overrides);

describe('settings that exclude one another', () => {
  test('an adapter excludes settings of the warm-up, but not the shape of the adapter', () => {
    expect(refusal(`${WITH_ADAPTER}warmup: { epochs: 2 }\n`)).toBe(
      'recipe.yaml:3:11 warmup.epochs: must not be set beside model.adapter, which takes the place of the warm-up; leave one out',
    );
    expect(loadRecipe(write(`${WITH_ADAPTER}warmup: { lora_rank: 4 }\n`)).config.warmup.loraRank).toBe(4);
  });

  test('loss trajectories need the checkpoints that they are made of, and a warm-up that keeps them', () => {
    const need = (where: string, count: number): string =>
      `recipe.yaml:${where}: trajectories needs warmup.trajectory of at least 2, got ${count}; ` +
      'set warmup.trajectory: 4, or take another method';
    expect(refusal(`${NEEDED}selection: { method: trajectories }\n`)).toBe(need('3:14 selection.method', 0));
    expect(refusal(`${NEEDED}warmup: { trajectory: 1 }\nevaluation: { compare: [random, trajectories] }\n`)).toBe(
      need('4:15 evaluation.compare', 1),
    );
    const fits = `${NEEDED}selection: { method: trajectories }\nwarmup: { trajectory: 2 }\n`;
    expect(loadRecipe(write(fits)).config.warmup.trajectory).toBe(2);
    expect(refusal(fits, ['selection.rounds=2'])).toBe(
      'recipe.yaml:4:11 warmup.trajectory: must be 0 beside selection.rounds, whose models keep no checkpoints, got 2',
    );
    expect(refusal(fits.replace('model }', 'model, adapter: adapter }'))).toBe(
      'recipe.yaml:4:11 warmup.trajectory: must be 0 beside model.adapter, whose training is not done here, got 2',
    );
  });

  test('queries at all checkpoints need two of them', () => {
    const asking = (count: number): string =>
      `${NEEDED}selection: { method: less, query_checkpoints: all }\nwarmup: { trajectory: ${count} }\n`;
    expect(refusal(asking(1))).toBe(
      'recipe.yaml:3:28 selection.query_checkpoints: all needs warmup.trajectory of at least 2, got 1; ' +
        'set warmup.trajectory: 4, or query_checkpoints: last',
    );
    expect(loadRecipe(write(asking(2))).config.selection.queryCheckpoints).toBe('all');
  });

  test('gradients scaled by moments need moments, whole gradients, and queries that are not of their table', () => {
    const adam = `${NEEDED}gradients: { preconditioner: adam }\n`;
    const where = 'recipe.yaml:3:14 gradients.preconditioner';
    expect(loadRecipe(write(adam)).config.gradients.preconditioner).toBe('adam');
    expect(refusal(adam, ['gradients.projection=kron'])).toBe(
      `${where}: adam needs whole gradients, which gradients.projection: kron never forms; set projection: sparse`,
    );
    expect(refusal(adam.replace(NEEDED, WITH_ADAPTER))).toBe(
      `${where}: adam needs the moments of the warm-up, which model.adapter has none of; set none`,
    );
    expect(refusal(adam, ['selection.rounds=2'])).toBe(
      `${where}: adam needs moments, which the models of selection.rounds do not keep; set none`,
    );
    const less = `${adam}evaluation: { path: test.json, compare: [random, less] }\n`;
    expect(refusal(less)).toBe(
      `${where}: adam scales the gradients of held-out rows too, and queries of less are plain; ` +
        'set selection.queries: evaluation, or selection.query_path',
    );
    for (const plain of ['selection.queries=evaluation', `selection.query_path=${join(folder, 'test.json')}`])
      expect(loadRecipe(write(less), { overrides: [plain] }).config.evaluation.compare).toContain('less');
  });
});
