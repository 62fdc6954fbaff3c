// Scorers of one's own in a recipe.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadRecipe } from '../../../client/recipe/recipe.ts';
import { withDiskNames, withMemoryNames } from '../../../contracts/disk-names.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-scorers-'));
const scorer = join(folder, 'score.py');
beforeAll(() => {
  mkdirSync(join(folder, 'model'));
  for (const file of ['rows.json', 'score.py']) writeFileSync(join(folder, file), '[]');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function load(evaluation: string, ...overrides: string[]) {
  const path = join(folder, 'recipe.yaml');
  writeFileSync(path, `model: { path: model }\ndataset: { path: rows.json }\nevaluation: ${evaluation}\n`);
  return loadRecipe(path, { overrides }).config;
}

const given = (scorers: string): string => `{ path: rows.json, generate: true, scorers: ${scorers} }`;

describe('scorers of one’s own', () => {
  test('are files by task, from the recipe’s folder or the command line’s; tasks keep their names', () => {
    const config = load(given(`{ ocr_vqa: score.py, camelCase: ${scorer} }`));
    const scorers = { ocr_vqa: scorer, camelCase: scorer };
    expect(config.evaluation).toMatchObject({ generate: true, answerTokens: 32, scorers });
    expect(withDiskNames(config)).toMatchObject({ evaluation: { scorers } });
    expect(withMemoryNames(withDiskNames(config))).toEqual(config);
    const more = load(given('{ ocr_vqa: score.py }'), `evaluation.scorers={ vqa_v2: ${scorer} }`);
    expect(more.evaluation.scorers).toEqual({ ocr_vqa: scorer, vqa_v2: scorer });
  });

  test('are none by default, and no answers are generated', () => {
    expect(load('{ path: rows.json }').evaluation).toMatchObject({ generate: false, answerTokens: 32, scorers: null });
  });

  test('need answers that are generated, and must be there', () => {
    expect(() => load('{ scorers: { vqa: score.py } }')).toThrow(
      'recipe.yaml:3:15 evaluation.scorers: needs evaluation.generate: true, got false; set it, or leave the scorers out',
    );
    expect(() => load(given('{ vqa: gone.py }'))).toThrow(
      'evaluation.scorers.vqa: file must exist, got "gone.py" (relative to the recipe\'s folder)',
    );
    expect(() => load(given('score.py'))).toThrow(/evaluation\.scorers: must be a map of tasks to executables, got "/);
    expect(() => load(given('{ vqa: https://example.org/score }'))).toThrow(/evaluation\.scorers\.vqa: must be an /);
  });
});
