import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createAllocationActivities } from '../../../activities/selection/allocation.ts';
import { createSelectionActivities } from '../../../activities/selection/stage.ts';
import { allowedChanges } from '../../../algorithms/augmentation.ts';
import { createChangeDraws } from '../../../algorithms/draw-changes.ts';
import { changedCountOf } from '../../../contracts/augmentation.ts';
import type { Config, SelectionMethod } from '../../../contracts/config.ts';
import type { SelectionResult } from '../../../contracts/messages/selection.ts';
import type { ValuesResult } from '../../../contracts/messages/values.ts';
import type { ArtifactReference } from '../../../contracts/references.ts';
import { readManifest } from '../../../store/artifacts.ts';
import { copiesTable, readChanges } from '../../../tables/copies.ts';
import { contentHashAt } from '../../../tables/hash-column.ts';
import { readUsableRows } from '../../../tables/rows.ts';
import { readCopies } from '../../../tables/selection.ts';
import { inActivity, SmallRun } from '../small-run.ts';

/** 56 rows, 120 wanted in equal parts: 40 of each task, of which `sum` has no pictures. */
const run = new SmallRun('allocation.budget_rows=120', 'allocation.overflow=repeat', 'allocation.weighting=equal');
const { selectRows } = createSelectionActivities(run.dependencies);
const { allocateRows } = createAllocationActivities();

let known: ValuesResult & { rows: ArtifactReference };
beforeAll(async () => {
  known = await run.estimate(run.config());
});

async function select(
  augment: boolean,
  method: SelectionMethod = 'tive',
  ...settings: string[]
): Promise<SelectionResult> {
  const config = run.config(...(augment ? ['allocation.augment=pictures'] : []), ...settings);
  return inActivity(selectRows, await inputOf(config, method));
}

async function inputOf(config: Config, method: SelectionMethod) {
  const allocation = await inActivity(allocateRows, { config, method, tasks: known.tasks, allRowCount: 59 });
  const rows = config.allocation.augment === 'pictures' ? { rows: known.rows } : {};
  return { config, method, values: known.values, allocation, ...rows };
}

/** The whole table of copies. */
async function copiesOf({ selection }: SelectionResult) {
  for await (const batch of copiesTable.read(run.store, selection)) {
    return Array.from(batch.rowIndex, (rowIndex, row) => ({
      rowIndex,
      contentHash: contentHashAt(batch.contentHash, row),
      task: batch.task[row]!,
      copy: batch.copy[row]!,
      operation: batch.operation[row]!,
      parameter: batch.parameter[row]!,
      reason: batch.reason[row]!,
    }));
  }
  throw new Error('copies: must have a batch, got none');
}

interface SmallRow {
  conversations: { value: string }[];
}

describe('copies of a selection', () => {
  test('have a line each from the second of a row on, with what is done to their pictures, or why nothing is', async () => {
    const selected = await select(true);
    const copies = await readCopies(run.store, selected.selection);
    const lines = await copiesOf(selected);
    expect(lines.map(({ rowIndex, copy }) => [rowIndex, copy])).toEqual(
      [...copies].flatMap(([rowIndex, count]) =>
        Array.from({ length: count - 1 }, (_, index) => [rowIndex, index + 2]),
      ),
    );
    const usable = new Map((await readUsableRows(run.store, known.rows)).map((row) => [row.rowIndex, row]));
    const rows = JSON.parse(readFileSync(join(run.folder, 'train.json'), 'utf8').slice(1)) as SmallRow[];
    const draws = createChangeDraws(run.config().run.seed);
    for (const { rowIndex, contentHash, task, copy, operation, parameter, reason } of lines) {
      const row = usable.get(rowIndex)!;
      expect(contentHash).toEqual(row.contentHash);
      expect(task).toBe(row.task);
      if (task === 'sum')
        expect({ operation, parameter, reason }).toEqual({ operation: 'none', parameter: 0, reason: 'no_picture' });
      else {
        expect(reason).toBeNull();
        const texts = rows[rowIndex]!.conversations.map(({ value }) => value);
        const { allowed } = allowedChanges({
          questions: [texts[0]!],
          answers: [texts[1]!],
          imageCount: 1,
          clipCount: 0,
        });
        // All have a digit in the question or a number in the answer.
        expect(allowed).not.toContain('flip');
        expect(allowed).toContain('border');
        // No two rows of the small dataset are the same.
        const drawn = draws({ contentHash, occurrence: 0, copyCount: copy, allowed });
        expect({ operation, parameter }).toEqual(drawn.at(-1));
      }
    }
    expect(selected.copies!.map(({ task, plain }) => [task, plain])).toEqual([
      ['name', {}],
      ['sum', { no_picture: 40 - 12 }],
      ['tell', {}],
    ]);
    expect(changedCountOf(selected.copies!)).toBe(40 - 24 + 40 - 20);
  });

  test('are read as changes by row, the first of which is that of the second copy', async () => {
    const selected = await select(true);
    const changes = await readChanges(run.store, selected.selection);
    for (const { rowIndex, copy, operation, parameter } of await copiesOf(selected))
      expect(changes.get(rowIndex)![copy - 2]).toEqual(operation === 'none' ? null : { operation, parameter });
    expect((await readChanges(run.store, (await select(false)).selection)).size).toBe(0);
  });

  test('leave the rows, their numbers and their draws as they are', async () => {
    const [plain, changed] = [await select(false), await select(true)];
    expect(run.hashOf(changed.selection, 'selection.arrow')).toBe(run.hashOf(plain.selection, 'selection.arrow'));
    expect({ ...changed, selection: null, copies: null }).toEqual({ ...plain, selection: null, copies: null });
    expect(plain).not.toHaveProperty('copies');
    expect((await readManifest(run.store, plain.selection)).files.map(({ name }) => name)).toEqual(['selection.arrow']);
  });

  test('are none where no row comes again: the same content as without', async () => {
    const few = ['allocation.budget_rows=20'];
    const [plain, changed] = [await select(false, 'tive', ...few), await select(true, 'tive', ...few)];
    expect(changed.selection.sha256).toBe(plain.selection.sha256);
    expect(changed).not.toHaveProperty('copies');
  });

  test('are those of the pool where a method pools all tasks', async () => {
    const selected = await select(true, 'random');
    const lines = await copiesOf(selected);
    expect(lines).toHaveLength(120 - 56);
    expect(new Set(lines.map(({ task }) => task)).size).toBe(3);
  });

  test('are changed otherwise by another seed', async () => {
    const [one, other] = [await select(true), await select(true, 'tive', 'run.seed=8')];
    const changesOf = async (selected: SelectionResult) => [...(await readChanges(run.store, selected.selection))];
    expect(await changesOf(other)).not.toEqual(await changesOf(one));
  });

  test('of a task of which a quarter reads text are all plain', async () => {
    const path = join(run.folder, 'train.json');
    const before = readFileSync(path);
    // Texts of the same length: every row stays where it was.
    let left = 5;
    const text = before
      .toString('utf8')
      .replaceAll('Tell me about it.', (same) => (left-- > 0 ? 'Read all the text' : same));
    writeFileSync(path, text);
    try {
      const selected = await select(true, 'tive', 'run.seed=10');
      const reasons = selected.copies!.find(({ task }) => task === 'tell')!;
      expect(reasons.changed).toEqual({});
      expect(Object.keys(reasons.plain).sort()).toEqual(['reads_or_grounds', 'task_reads_or_grounds']);
      expect(Object.values(reasons.plain).reduce((sum, count) => sum + count, 0)).toBe(20);
    } finally {
      writeFileSync(path, before);
    }
  });

  test('of a row that is no longer there are refused', async () => {
    const path = join(run.folder, 'train.json');
    const before = readFileSync(path);
    writeFileSync(path, ' '.repeat(before.length));
    try {
      await expect(select(true, 'tive', 'run.seed=9')).rejects.toThrow(
        /^row \d+: must be as the dataset stage saw it, got: .*; the file changed, run again$/,
      );
    } finally {
      writeFileSync(path, before);
    }
  });
});
