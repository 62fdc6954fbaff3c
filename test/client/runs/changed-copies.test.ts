import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changedCountOf } from '../../../contracts/augmentation.ts';
import type { RunResult } from '../../../contracts/messages/run.ts';
import { writeSmallDataset } from '../small-dataset.ts';
import { tive, useCluster } from '../in-process.ts';
import type { Finished } from '../tive-process.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-changed-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const cluster = useCluster();

/** 30 rows of each of three tasks, of which there are 24, 20 and 12; the last one has no pictures. */
const SETTINGS = ['budget_rows=90', 'overflow=repeat', 'weighting=equal', 'augment=pictures'].map(
  (setting) => `allocation.${setting}`,
);
const CHANGED = 30 - 24 + (30 - 20);

describe('a run whose repeated rows have changed pictures', () => {
  let first: Finished;
  let result: RunResult;
  beforeAll(async () => {
    writeSmallDataset(root);
    const few = ['finetune.epochs=1', 'evaluation.compare=[]'];
    first = await tive(root, 'run', 'recipe.yaml', ...SETTINGS, ...few, '--address', cluster.address);
    expect(first.exitCode, first.stderr).toBe(0);
    result = JSON.parse(readFileSync(join(root, 'runs/small/result.json'), 'utf8')) as RunResult;
  }, 180_000);

  test('is tuned on all of them, and says how many were changed', () => {
    const { selection, finetune } = result.methods[0]!;
    expect(finetune!.rowCount).toBe(90);
    expect(changedCountOf(selection!.copies!)).toBe(CHANGED);
  });

  test('shows one of each operation beside its parent in the report', () => {
    const { document } = parseHTML(readFileSync(join(root, 'runs/small/report.html'), 'utf8'));
    const section = document.querySelector('#copies')!;
    expect(section.querySelector('.lead')!.textContent).toContain(`${CHANGED} of them have changed pictures`);
    const operations = new Set(result.methods[0]!.selection!.copies!.flatMap(({ changed }) => Object.keys(changed)));
    expect(section.querySelectorAll('li')).toHaveLength(operations.size);
    expect(section.querySelectorAll('li img')).toHaveLength(2 * operations.size);
  });

  test('is exported with the changed pictures, but not as indices', async () => {
    const exported = await tive(root, 'export', 'small', '--to', 'jsonl');
    expect(exported).toMatchObject({
      exitCode: 0,
      stdout: `runs/small/export/rows.jsonl  90 rows, ${CHANGED} with changed pictures in images/small/copies\n`,
    });
    const lines = readFileSync(join(root, 'runs/small/export/rows.jsonl'), 'utf8').trimEnd().split('\n');
    const images = lines.flatMap((line) => (JSON.parse(line) as { image?: string }).image ?? []);
    const copies = images.filter((image) => image.includes('/copies/'));
    expect(copies).toHaveLength(CHANGED);
    expect(copies.filter((image) => !existsSync(image))).toEqual([]);
    expect(readdirSync(join(root, 'runs/small/export/images/small/copies'))).toHaveLength(CHANGED);
    expect(await tive(root, 'export', 'small', '--to', 'indices')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('export: indices cannot name changed pictures') as string,
    });
  });

  test('is planned with the copies that may be changed, at most', async () => {
    const planned = await tive(root, 'plan', 'recipe.yaml', ...SETTINGS, '--no-probe', '--quiet');
    expect(planned.exitCode, planned.stderr).toBe(0);
    // Of `sum`, too, whose rows turn out to have no pictures.
    expect(planned.stdout).toContain(`copies with changed pictures: at most ${CHANGED + 18} of 3 tasks\n`);
  });

  test('gives the same subset again, without the changes, where they are not asked for', async () => {
    const words = ['select', 'small', 'allocation.augment=none', '--name', 'plain', '--address', cluster.address];
    const selected = await tive(root, ...words);
    expect(selected.exitCode, selected.stderr).toBe(0);
    const plain = JSON.parse(readFileSync(join(root, 'runs/plain/result.json'), 'utf8')) as RunResult;
    expect(plain.methods[0]!.selection).not.toHaveProperty('copies');
    expect(plain.methods[0]!.selection!.tasks).toEqual(result.methods[0]!.selection!.tasks);
  });
});
