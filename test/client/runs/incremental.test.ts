import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ShownRow } from '../../../client/runs/show-row.ts';
import type { RunResult } from '../../../contracts/messages/run.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { contentHexAt } from '../../../tables/hash-column.ts';
import { valuesTable } from '../../../tables/values.ts';
import { writeSmallDataset } from '../small-dataset.ts';
import { tive, useCluster } from '../in-process.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-incremental-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const ARGS = ['run', 'recipe.yaml', '--incremental', '--until', 'report', 'finetune.enabled=false'];
const cluster = useCluster();

interface Row {
  id: number;
  dataset: string;
  conversations: { from: string; value: string }[];
}

/** Changes the rows of the dataset's file. */
function edit(folder: string, change: (rows: Row[]) => Row[]): void {
  const path = join(folder, 'train.json');
  const rows = JSON.parse(readFileSync(path, 'utf8').replace('\ufeff', '')) as Row[];
  writeFileSync(path, JSON.stringify(change(rows)));
}

async function run(folder: string, ...settings: string[]): Promise<RunResult> {
  const done = await tive(folder, ...ARGS, ...settings, '--address', cluster.address);
  expect(done.exitCode, done.stderr).toBe(0);
  return JSON.parse(readFileSync(join(folder, 'runs/small/result.json'), 'utf8')) as RunResult;
}

/** Norm and value of each row content in the values of a run, by hex hash. */
async function valuesOf(folder: string, { values }: RunResult): Promise<Map<string, [number, string, number]>> {
  const store = new LocalStore(join(folder, 'tive-store'));
  const found = new Map<string, [number, string, number]>();
  for await (const { contentHash, gradientNorm, task, rowIndex } of valuesTable.read(store, values!.values)) {
    for (const [row, name] of task.entries())
      found.set(contentHexAt(contentHash, row), [gradientNorm[row]!, name, rowIndex[row]!]);
  }
  return found;
}

describe('an incremental run', () => {
  let folder: string;
  let first: RunResult;
  beforeAll(async () => {
    folder = join(root, 'data');
    mkdirSync(folder);
    writeSmallDataset(folder);
    first = await run(folder);
  }, 120_000);

  test('from nothing is an ordinary run', () => {
    expect(first.reselection).toBeNull();
    expect(first.gradients?.reused).toEqual([]);
  });

  test('on unchanged data it ends at once with the last result', async () => {
    const again = await run(folder);
    expect(again.reselection).toMatchObject({ unchanged: true, referenceModel: 'kept' });
    expect(again.stages.filter(({ state }) => state === 'done')).toEqual([]);
    expect(again.methods).toEqual(first.methods);
  }, 60_000);

  test('new, edited and removed rows: the reference model is kept, and only rows without a gradient get one', async () => {
    const before = await valuesOf(folder, first);
    edit(folder, (rows) => {
      const kept = rows.filter(({ id }) => id !== 3 && id !== 104);
      kept[10]!.conversations[1]!.value = 'another answer';
      // The same content under another id and another task keeps its gradient.
      kept[20] = { ...kept[20]!, id: 5000, dataset: 'renamed' };
      return [
        {
          id: 6000,
          dataset: 'sum',
          conversations: [
            { from: 'human', value: 'What is 9 and 9?' },
            { from: 'gpt', value: '18' },
          ],
        },
        ...kept,
      ];
    });
    const second = await run(folder);
    expect(second.reselection).toMatchObject({
      unchanged: false,
      referenceModel: 'kept',
      newRowCount: 2,
      removedRowCount: 3,
    });
    expect(second.reselection!.reason).toBe('3.6 % of the rows are new, within the limit of 25.0 %');
    expect(second.warmup!.adapter).toEqual(first.warmup!.adapter);
    expect(second.gradients!.reused).toEqual([first.gradients!.gradients]);
    expect(second.gradients!.gradients.rowCount).toBe(2);
    const after = await valuesOf(folder, second);
    const common = [...after].filter(([hash]) => before.has(hash));
    expect(after.size).toBe(55);
    expect(common).toHaveLength(53);
    for (const [hash, [norm]] of common) expect(norm).toBe(before.get(hash)![0]);
    expect([...after.values()].filter(([, task]) => task === 'renamed')).toHaveLength(1);
    expect(new Set([...after.values()].map(([, , rowIndex]) => rowIndex)).size).toBe(55);
  }, 120_000);

  test('it tells what entered and left the selection, and why, row by row', async () => {
    const { change } = (JSON.parse(readFileSync(join(folder, 'runs/small/result.json'), 'utf8')) as RunResult)
      .reselection!;
    const { enteredCount, leftCount, stayedCount, jaccard, changes } = change!;
    expect(stayedCount + leftCount).toBe(8);
    expect(stayedCount + enteredCount).toBe(8);
    expect(jaccard).toBe(stayedCount / (8 + enteredCount));
    const lines = readFileSync(join(folder, 'tive-store', changes.uri, 'changes.jsonl'), 'utf8')
      .split('\n')
      .filter(Boolean);
    expect(lines).toHaveLength(enteredCount + leftCount);
    const report = readFileSync(join(folder, 'runs/small/report.html'), 'utf8');
    expect(report).toContain('Since the last run');
    expect(report).toContain('The reference model was kept: 3.6 % of the rows are new');
  });

  test('removed rows alone need no gradient at all', async () => {
    edit(folder, (rows) => rows.slice(0, -4));
    const third = await run(folder);
    expect(third.reselection).toMatchObject({ newRowCount: 0, referenceModel: 'kept', newFraction: 0 });
    expect(third.stages.find(({ stage }) => stage === 'gradients')?.state).toBe('cached');
  }, 60_000);

  test('rows in another order keep their nearest rows, and rows that left before count as removed no more', async () => {
    const rowsNow = (): Row[] => JSON.parse(readFileSync(join(folder, 'train.json'), 'utf8')) as Row[];
    /** Ids and cosines of the rows nearest to the row of an id. */
    const nearestTo = async (id: number): Promise<[number, number][]> => {
      const rows = rowsNow();
      const place = rows.findIndex((row) => row.id === id);
      const { stdout } = await tive(folder, 'show', 'small', String(place), '--json');
      const { nearest } = JSON.parse(stdout) as ShownRow;
      return nearest.map(({ rowIndex, cosine }) => [rows[rowIndex]!.id, cosine]);
    };
    const before = await nearestTo(12);
    edit(folder, (rows) => [...rows].reverse());
    const reversed = await run(folder);
    expect(reversed.reselection).toMatchObject({ unchanged: false, newRowCount: 0, removedRowCount: 0 });
    expect(before).toHaveLength(5);
    expect(await nearestTo(12)).toEqual(before);
  }, 60_000);

  test('other test rows are a change', async () => {
    const path = join(folder, 'test.json');
    writeFileSync(path, JSON.stringify((JSON.parse(readFileSync(path, 'utf8')) as object[]).slice(1)));
    expect((await run(folder)).reselection).toMatchObject({ unchanged: false, newRowCount: 0, referenceModel: 'kept' });
  }, 60_000);

  test('above the limit of new rows the reference model is tuned again, and the report says why', async () => {
    edit(folder, (rows) =>
      rows.map((row, index) =>
        index % 3 === 0
          ? { ...row, conversations: row.conversations.map((turn) => ({ ...turn, value: `${turn.value} please` })) }
          : row,
      ),
    );
    const fourth = await run(folder);
    expect(fourth.reselection?.referenceModel).toBe('tuned_again');
    expect(fourth.reselection?.reason).toMatch(/^3\d\.\d % of the rows are new, above the limit of 25\.0 %$/);
    expect(fourth.gradients?.reused).toEqual([]);
  }, 120_000);

  test('another setting of the gradients starts from nothing too', async () => {
    const fifth = await run(folder, 'gradients.sketch=32');
    expect(fifth.reselection).toMatchObject({
      referenceModel: 'tuned_again',
      reason: 'settings of the reference model have changed',
    });
  }, 120_000);

  test('an ordinary run of the same data does not depend on what was kept', async () => {
    const plain = join(root, 'plain');
    mkdirSync(plain);
    writeSmallDataset(plain);
    writeFileSync(join(plain, 'train.json'), readFileSync(join(folder, 'train.json')));
    for (const [name, target] of [
      ['a', folder],
      ['b', plain],
    ] as const) {
      const words = [`run.name=plain-${name}`, '--until', 'selection', '--address', cluster.address];
      const done = await tive(target, 'run', 'recipe.yaml', ...words);
      expect(done.exitCode, done.stderr).toBe(0);
    }
    const selections = [folder, plain].map((target, index) => {
      const result = JSON.parse(
        readFileSync(join(target, `runs/plain-${'ab'[index]}/result.json`), 'utf8'),
      ) as RunResult;
      return (
        readdirSync(join(target, 'tive-store', result.methods[0]!.selection!.selection.uri)).length > 0 &&
        result.methods[0]!.selection!.selection.sha256
      );
    });
    expect(selections[0]).toBe(selections[1]);
  }, 120_000);
});
