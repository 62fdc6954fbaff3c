import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { createNewRowsActivities } from '../../../activities/gradients/new-rows.ts';
import type { Config } from '../../../contracts/config.ts';
import type { GradientsInput } from '../../../contracts/messages/gradients.ts';
import type { NewRowsPlan } from '../../../contracts/messages/incremental.ts';
import { openGradientTable, readGradients } from '../../../tables/gradients.ts';
import { readShardCount, readUsableRows } from '../../../tables/rows.ts';
import { USABLE_ROWS } from '../../client/small-dataset.ts';
import { SmallRun, inActivity } from '../small-run.ts';
import { OtherEngine } from '../watched-models.ts';

interface Row {
  id: number;
  dataset: string;
  conversations: { from: string; value: string }[];
}

const run = new SmallRun('gradients.storage=float32');
const { fingerprintDataset } = createNewRowsActivities(run.dependencies);
beforeEach(() => run.models.reset());

/** The small dataset as JSON. */
function rowsOf(): Row[] {
  return JSON.parse(readFileSync(join(run.folder, 'train.json'), 'utf8').replace('\ufeff', '')) as Row[];
}

/** A config whose dataset has other rows. */
function changed(name: string, change: (rows: Row[]) => Row[]): Config {
  const path = join(run.folder, `${name}.json`);
  writeFileSync(path, JSON.stringify(change(rowsOf())));
  return run.config(`dataset.path=${path}`);
}

/** What the tables of the small dataset lack of a config's. */
async function planned(
  config: Config,
  dependencies = run.dependencies,
): Promise<{ input: GradientsInput; plan: NewRowsPlan }> {
  const before = await run.gradientsInput(run.config());
  const { gradients } = await run.takeGradients(before);
  const { rows } = await run.scan(config);
  const input = { config, rows, adapter: before.adapter };
  const plan = await inActivity(createNewRowsActivities(dependencies).planNewRows, {
    ...input,
    tables: [gradients],
    lastRows: before.rows,
  });
  return { input, plan };
}

const NONE = { refusal: null, newRows: null, newRowCount: 0, quarantined: [] };

/** One row is edited, one is new and two are gone; one has another name and another task. */
const edited = (rows: Row[]): Row[] => {
  const kept = rows.filter(({ id }) => id !== 3 && id !== 104);
  kept[10]!.conversations[1]!.value = 'another answer';
  kept[20] = { ...kept[20]!, id: 5000, dataset: 'renamed' };
  const turns = [
    { from: 'human', value: 'What is 9 and 9?' },
    { from: 'gpt', value: '18' },
  ];
  return [{ id: 6000, dataset: 'sum', conversations: turns }, ...kept];
};

describe('rows that lack a gradient', () => {
  test('are those that are new or edited, wherever the others are now', async () => {
    const config = changed('edited', edited);
    const { input, plan } = await planned(config);
    expect(plan).toMatchObject({
      ...NONE,
      newRows: plan.newRows,
      newRowCount: 2,
      keptRowCount: 53,
      removedRowCount: 3,
    });
    const places = (await readUsableRows(run.store, plan.newRows!)).map(({ rowIndex }) => rowIndex);
    expect(places).toEqual([0, 11]);
    const all = new Map((await readUsableRows(run.store, input.rows)).map((row) => [row.rowIndex, row]));
    for (const row of await readUsableRows(run.store, plan.newRows!))
      expect(row.contentHash).toEqual(all.get(row.rowIndex)!.contentHash);
  });

  test('have a plan of their own, and get gradients by themselves', async () => {
    const { input, plan } = await planned(changed('edited', edited));
    expect(await readShardCount(run.store, plan.newRows!)).toBe(1);
    run.models.reset();
    const { gradients } = await run.takeGradients({ ...input, rows: plan.newRows! });
    expect(gradients.rowCount).toBe(2);
    const taken: number[] = [];
    for await (const { rowIndex } of readGradients(run.store, await openGradientTable(run.store, [gradients])))
      taken.push(...rowIndex);
    expect(taken.sort((left, right) => left - right)).toEqual([0, 11]);
  });

  test('are planned once: the same table comes back', async () => {
    const config = changed('edited', edited);
    expect((await planned(config)).plan).toEqual((await planned(config)).plan);
  });

  test('are none where the dataset is the same, shuffled or smaller', async () => {
    expect((await planned(run.config())).plan).toEqual({ ...NONE, keptRowCount: USABLE_ROWS, removedRowCount: 0 });
    const shuffled = changed('reversed', (rows) => rows.reverse());
    expect((await planned(shuffled)).plan).toEqual({ ...NONE, keptRowCount: USABLE_ROWS, removedRowCount: 0 });
    // The last of the four has never been usable.
    const fewer = changed('fewer', (rows) => rows.slice(0, -4));
    expect((await planned(fewer)).plan).toEqual({ ...NONE, keptRowCount: USABLE_ROWS - 3, removedRowCount: 3 });
  });

  test('count a content as often as the dataset has it', async () => {
    const { plan } = await planned(changed('twice', (rows) => [...rows, rows[0]!, rows[0]!]));
    expect(plan).toMatchObject({ newRowCount: 2, keptRowCount: USABLE_ROWS, removedRowCount: 0 });
  });
});

describe('tables are refused', () => {
  test.each([
    ['gradients.sketch=32', 'projection'],
    ['gradients.storage=int8', 'projection'],
    ['gradients.cutoff_len=100', 'prompt'],
  ])('for %s, which is another %s', async (setting, what) => {
    const { plan } = await planned(run.config(setting));
    expect(plan.refusal).toBe(`the gradients that are there were taken with another ${what}`);
    expect(plan).toMatchObject({ newRows: null, newRowCount: 0, keptRowCount: 0, removedRowCount: 0 });
  });

  test('on another engine', async () => {
    const { plan } = await planned(run.config(), { ...run.dependencies, models: new OtherEngine() });
    expect(plan.refusal).toBe('the gradients that are there were taken with another engine');
  });
});

describe('the fingerprint of what a run reads', () => {
  const fingerprint = (config: Config): Promise<string> => inActivity(fingerprintDataset, { config });

  test('is the same until a file of rows or test rows, or a picture, is another or was touched', async () => {
    const config = run.config();
    const first = await fingerprint(config);
    expect(await fingerprint(config)).toBe(first);
    expect(await fingerprint(run.config('selection.lambda=3'))).toBe(first);
    utimesSync(join(run.folder, 'images/cat.png'), 5, 5);
    const touched = await fingerprint(config);
    expect(touched).not.toBe(first);
    const path = join(run.folder, 'test.json');
    writeFileSync(path, `${readFileSync(path, 'utf8')}\n`);
    const other = await fingerprint(config);
    expect(new Set([first, touched, other]).size).toBe(3);
    expect(run.models.calls.gradients).toBe(0);
  });
});
