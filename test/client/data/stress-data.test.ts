// `tive data stress` on the small dataset: files that a run reads, and rows that say what was done to them.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { stressData } from '../../../client/data/stress-data.ts';
import { loadRecipe } from '../../../client/recipe/recipe.ts';
import { validateData } from '../../../client/data/validate-data.ts';
import { runCommandLine } from '../../../client/main.ts';
import { STRESS_CONDITIONS, STRESS_NAMES, stressKindOf } from '../../../contracts/stress.ts';
import type { StressCondition } from '../../../contracts/stress.ts';
import { BAD_ROWS, USABLE_ROWS, writeSmallDataset } from '../small-dataset.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-stress-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const source = join(root, 'source');
mkdirSync(source);
writeSmallDataset(source);

interface Row {
  id: string;
  dataset: string;
  image?: string;
  conversations: { from: string; value: string }[];
}

const given = loadRecipe(join(source, 'recipe.yaml')).config;

async function stressed(condition: StressCondition, strength: number, name: string = condition) {
  const folder = join(root, name);
  const data = await stressData(given, folder, { condition, strength, seed: 0 });
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  const rows = files.flatMap((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Row[]);
  return { folder, data, rows, recipe: loadRecipe(join(folder, 'recipe.yaml')) };
}

const answerOf = ({ conversations }: Row): string => conversations.at(-1)!.value;

describe.each(STRESS_NAMES)('%s', (condition) => {
  test('makes rows that a run reads, each of which says what was done to it', async () => {
    const { fallback } = STRESS_CONDITIONS[condition];
    const { rows, data, recipe } = await stressed(
      condition,
      condition === 'tiny_task' ? 5 : fallback,
      `all-${condition}`,
    );
    const counts = Object.values(data.kinds).reduce((sum, count) => sum + count, 0);
    expect(rows).toHaveLength(counts);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(counts);
    for (const { id } of rows) expect(data.kinds[stressKindOf(JSON.stringify(id))!]).toBeGreaterThan(0);
    expect(data.leftOutCount).toBe(BAD_ROWS);
    const validated = await validateData(
      recipe.config,
      () => undefined,
      () => undefined,
    );
    expect(validated.problem).toBeNull();
    expect(validated.usableCount).toBe(validated.rowCount);
    expect(recipe.runName).toBe(`small-${condition.replaceAll('_', '-')}`);
  });
});

describe('what is done to a row', () => {
  test('near copies have their own pictures, a few levels off, and the answers of their originals', async () => {
    const { folder, rows } = await stressed('near_copies', 0.7);
    const copy = rows.find(({ id, image }) => id.includes('near_copy') && image !== undefined)!;
    expect(copy.image).toMatch(/^images\/\d+-0\.png$/);
    const pixels = await sharp(join(folder, copy.image!)).raw().toBuffer();
    const original = rows.find((row) => row.id.includes('clean') && answerOf(row) === answerOf(copy))!;
    const before = await sharp(join(source, 'images', original.image!))
      .removeAlpha()
      .toColourspace('srgb')
      .raw()
      .toBuffer();
    expect(pixels).toHaveLength(before.length);
    const off = pixels.reduce((sum, level, at) => sum + Math.abs(level - before[at]!), 0) / pixels.length;
    expect(off).toBeGreaterThan(0.1);
    expect(off).toBeLessThan(12);
  });

  test('exact copies have the content of their originals', async () => {
    const { rows } = await stressed('exact_copies', 0.7);
    const content = ({ image, conversations }: Row): string => JSON.stringify([image, conversations]);
    const originals = new Set(rows.filter(({ id }) => id.includes('clean')).map(content));
    const copies = rows.filter(({ id }) => id.includes('exact_copy'));
    expect(copies.length).toBeGreaterThan(20);
    expect(copies.every((row) => originals.has(content(row)))).toBe(true);
  });

  test('longer answers stand in the test rows as well', async () => {
    const { folder, rows, recipe } = await stressed('answer_lengths', 1 / 3);
    const [long] = [...new Set(rows.filter(({ id }) => id.includes('long_answer')).map(({ dataset }) => dataset))];
    const tests = JSON.parse(readFileSync(join(folder, 'test/rows-0.json'), 'utf8')) as Row[];
    expect(tests).toHaveLength(USABLE_ROWS);
    for (const row of tests) expect(answerOf(row).startsWith('You ask: ')).toBe(row.dataset === long);
    expect(recipe.config.evaluation.path).toBe(join(folder, 'test/rows-0.json'));
  });

  test('an irrelevant task asks for codes and is not in the test rows', async () => {
    const { rows, recipe } = await stressed('irrelevant_task', 1);
    const added = rows.filter(({ dataset }) => dataset === 'irrelevant');
    expect(added.length).toBe(19);
    for (const row of added) expect(answerOf(row)).toMatch(/^[0-9a-f]{6}$/);
    expect(recipe.config.evaluation.path).toEqual(given.evaluation.path);
  });

  test('is the same for the same recipe and seed', async () => {
    const first = await stressed('near_copies', 0.5, 'first');
    const second = await stressed('near_copies', 0.5, 'second');
    expect(second.rows).toEqual(first.rows);
    const picture = first.rows.find(({ image }) => image?.startsWith('images/') === true)!.image!;
    expect(readFileSync(join(second.folder, picture))).toEqual(readFileSync(join(first.folder, picture)));
  });
});

describe('the command', () => {
  test('refuses a folder that exists, and a strength that means nothing', async () => {
    await expect(stressData(given, source, { condition: 'tiny_task', strength: 5, seed: 0 })).rejects.toThrow(
      'output must be a new folder',
    );
    const words = ['data', 'stress', join(source, 'recipe.yaml'), '--condition', 'label_noise', '--strength', '1.5'];
    const written: string[] = [];
    const said = vi.spyOn(process.stderr, 'write').mockImplementation((text) => (written.push(String(text)), true));
    expect(await runCommandLine([...words, '-o', join(root, 'never')])).toBe(2);
    said.mockRestore();
    expect(written.join('')).toContain('--strength: must be from 0 to 1 for label_noise, got 1.5');
  });
});
