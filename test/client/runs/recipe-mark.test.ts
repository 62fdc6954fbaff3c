// What tells recipes of one name apart.
import { mkdtempSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { keepFormer, markFormerExports } from '../../../client/runs/former-result.ts';
import { recipeHash } from '../../../activities/shared/recipe-hash.ts';
import { benchmarkHash, markText, recipeDifferences } from '../../../client/runs/recipe-mark.ts';
import { openRunFolder } from '../../../client/runs/run-folder.ts';
import type { Config } from '../../../contracts/config.ts';
import type { RunResult } from '../../../contracts/messages/run.ts';
import { DEMO_CONFIG } from '../../report/demo-summary.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-recipes-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const OTHER: Config = { ...DEMO_CONFIG, selection: { ...DEMO_CONFIG.selection, lambda: 99 } };

describe('the hash of a recipe', () => {
  test('covers what changes results, and neither names nor places', () => {
    const { run, store, report } = DEMO_CONFIG;
    const elsewhere: Config = {
      ...DEMO_CONFIG,
      run: { ...run, name: 'other', outputDir: '/else' },
      store: { ...store, uri: '/else' },
      report: { ...report, thumbnails: !report.thumbnails },
    };
    expect(recipeHash(elsewhere)).toBe(recipeHash(DEMO_CONFIG));
    expect(recipeHash(JSON.parse(JSON.stringify(DEMO_CONFIG)) as Config)).toBe(recipeHash(DEMO_CONFIG));
    for (const changed of [OTHER, { ...DEMO_CONFIG, run: { ...run, seed: run.seed + 1 } }])
      expect(recipeHash(changed)).not.toBe(recipeHash(DEMO_CONFIG));
  });

  test('covers, of a benchmark, the runs that are made of the recipe', () => {
    const { benchmark, run } = DEMO_CONFIG;
    const renamed: Config = { ...DEMO_CONFIG, run: { ...run, name: 'other' }, benchmark: { ...benchmark, lds: 0 } };
    expect(benchmarkHash(renamed)).toBe(benchmarkHash(DEMO_CONFIG));
    const others: Config[] = [
      OTHER,
      { ...DEMO_CONFIG, benchmark: { ...benchmark, seeds: benchmark.seeds + 1 } },
      { ...DEMO_CONFIG, benchmark: { ...benchmark, budgets: [0.31] } },
      { ...DEMO_CONFIG, benchmark: { ...benchmark, lds: 5 } },
    ];
    const hashes = [DEMO_CONFIG, ...others].map((config) => benchmarkHash(config));
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(recipeHash(others[1]!)).toBe(recipeHash(DEMO_CONFIG));
  });

  test('what differs is said by the keys of recipes, long values and long lists cut', () => {
    expect(recipeDifferences(DEMO_CONFIG, OTHER)).toBe(`selection.lambda ${DEMO_CONFIG.selection.lambda}, now 99`);
    const { gradients } = DEMO_CONFIG;
    const many: Config = {
      ...OTHER,
      gradients: { ...gradients, cutoffLen: 1, tokenBudget: 2, shardRows: 3, sketch: 4 },
    };
    expect(recipeDifferences(DEMO_CONFIG, many)).toMatch(/^gradients\.cutoff_len \d+, now 1; .*; 2 more$/);
    const far: Config = { ...DEMO_CONFIG, dataset: { ...DEMO_CONFIG.dataset, path: ['x'.repeat(500)] } };
    expect(recipeDifferences(DEMO_CONFIG, far).length).toBeLessThan(120);
    expect(markText({ sha256: 'ab'.repeat(32), file: 'b.yaml', until: 'report' })).toBe(
      'b.yaml (sha256 abababababab…)',
    );
  });
});

/** A run's folder with a result, an export and the files of a living command. */
function folderOf(name: string, config: Config, selection: string) {
  const path = join(root, name);
  mkdirSync(join(path, 'export'), { recursive: true });
  const result = { config, methods: [{ selection: { selection: { sha256: selection } } }] } as unknown as RunResult;
  writeFileSync(join(path, 'result.json'), JSON.stringify(result));
  for (const file of ['export/rows.jsonl', 'report.html', 'log.jsonl', 'temporal.db', 'server.json'])
    writeFileSync(join(path, file), name);
  return { folder: openRunFolder(root, name), result };
}

describe('the result of another recipe', () => {
  test('gets a name of its own with all that belongs to it, and what is at work stays', async () => {
    const { folder } = folderOf('small', OTHER, 'aa');
    const said = await keepFormer(folder, 'small', DEMO_CONFIG);
    const name = `small-${recipeHash(OTHER).slice(0, 6)}`;
    expect(said).toBe(
      `small had the result of another recipe (selection.lambda 99, now ${DEMO_CONFIG.selection.lambda}): it is now run ${name}`,
    );
    expect(readdirSync(folder.path).sort()).toEqual(['log.jsonl', 'server.json', 'temporal.db']);
    expect(readdirSync(join(root, name)).sort()).toEqual(['export', 'report.html', 'result.json']);
    expect(statSync(join(root, name)).mode & 0o777).toBe(0o700);
    // The same recipe once more replaces what is there under that name.
    folderOf('small', OTHER, 'bb');
    await keepFormer(folder, 'small', DEMO_CONFIG);
    expect(readFileSync(join(root, name, 'result.json'), 'utf8')).toContain('"bb"');
  });

  test('of a long name fits into a name', async () => {
    const { folder } = folderOf('n'.repeat(64), OTHER, 'aa');
    expect(await keepFormer(folder, 'n'.repeat(64), DEMO_CONFIG)).toMatch(/: it is now run n{57}-[0-9a-f]{6}$/);
  });

  test('of the same recipe nothing moves', async () => {
    const { folder } = folderOf('same', DEMO_CONFIG, 'aa');
    expect(await keepFormer(folder, 'same', DEMO_CONFIG)).toBeNull();
    expect(readdirSync(folder.path)).toContain('report.html');
  });
});

test('exports of another selection of the same recipe are marked, those of the same one stay', async () => {
  const { folder, result } = folderOf('again', DEMO_CONFIG, 'aabbccddee');
  expect(await markFormerExports(folder, result)).toBeNull();
  const { result: other } = folderOf('another', DEMO_CONFIG, 'ffffffffff');
  expect(await markFormerExports(folder, other)).toContain('export-of-aabbcc');
  expect(readdirSync(folder.path)).not.toContain('export');
  expect(readdirSync(join(folder.path, 'export-of-aabbcc'))).toEqual(['rows.jsonl']);
});
