import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { RunResult } from '../../contracts/messages/run.ts';
import { tive, useCluster } from '../client/in-process.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples/forms');

const root = mkdtempSync(join(tmpdir(), 'tive-forms-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const cluster = useCluster();

interface Shapes {
  rowCount: number;
  tasks: string[];
}

const SHAPES: Shapes = { rowCount: 26, tasks: ['name', 'sum', 'tell'] };

const FORMS: Record<string, Shapes> = {
  llava: SHAPES,
  jsonl: { rowCount: 26, tasks: ['images', 'text'] },
  sharegpt: SHAPES,
  messages: SHAPES,
  'vision-flan': SHAPES,
  parquet: SHAPES,
  webdataset: SHAPES,
  several: SHAPES,
  'own-rules': { rowCount: 26, tasks: ['maths', 'rest', 'talk'] },
  'no-labels': { rowCount: 26, tasks: ['01-about-me-tell', '02-drawn-here-picture', '03-0-and-text'] },
  'text-only': { rowCount: 26, tasks: ['spell', 'sum'] },
  frames: { rowCount: 16, tasks: ['compare', 'watch'] },
};

test('every example is run here', () => {
  const folders = readdirSync(EXAMPLES, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && existsSync(join(EXAMPLES, entry.name, 'recipe.yaml')),
  );
  expect(folders.map(({ name }) => name).sort()).toEqual(Object.keys(FORMS).sort());
});

describe.each(Object.entries(FORMS))('the example %s', (name, { rowCount, tasks }) => {
  test('runs to a selection that can be exported and read again', async () => {
    const recipe = join(EXAMPLES, name, 'recipe.yaml');
    const run = await tive(root, 'run', recipe, '--until', 'selection', '--address', cluster.address);
    expect(run.exitCode, run.stderr).toBe(0);
    const result = JSON.parse(readFileSync(join(root, 'runs', name, 'result.json'), 'utf8')) as RunResult;
    expect(result.dataset?.rowCount).toBe(rowCount);
    expect(result.dataset?.quarantined).toEqual([]);
    expect(result.dataset?.tasks.map(({ task }) => task).sort()).toEqual(tasks);
    const selected = Math.round(0.3 * rowCount);
    const exported = await tive(root, 'export', name, '--to', 'sharegpt');
    expect(exported.exitCode, exported.stderr).toBe(0);
    const folder = join(root, 'runs', name, 'export/sharegpt');
    const rows = JSON.parse(readFileSync(join(folder, 'data.json'), 'utf8')) as { images: string[] }[];
    expect(rows).toHaveLength(selected);
    // Pictures that were packed with the rows lie beside them now; others are where they were.
    if (name !== 'parquet' && name !== 'webdataset') return;
    const pictures = rows.flatMap(({ images }) => images);
    expect(pictures.length).toBeGreaterThan(0);
    for (const picture of pictures) {
      const copied = readFileSync(join(folder, picture));
      const known = readdirSync(join(EXAMPLES, 'images')).map((file) => readFileSync(join(EXAMPLES, 'images', file)));
      expect(known.some((bytes) => bytes.equals(copied))).toBe(true);
    }
    const inspected = await tive(root, 'data', 'inspect', join(folder, 'data.json'));
    expect(inspected.stdout).toMatch(/0 not below/);
  }, 120_000);
});
