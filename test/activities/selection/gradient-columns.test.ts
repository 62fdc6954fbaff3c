import { beforeAll, describe, expect, test } from 'vitest';
import { createAllocationActivities } from '../../../activities/selection/allocation.ts';
import { holdOut } from '../../../activities/selection/query-gradients.ts';
import { createSelectionActivities } from '../../../activities/selection/stage.ts';
import { readValues } from '../../../activities/selection/values-columns.ts';
import type { Config, SelectionMethod } from '../../../contracts/config.ts';
import type { SelectInput, SelectionResult } from '../../../contracts/messages/selection.ts';
import type { ValuesResult } from '../../../contracts/messages/values.ts';
import { queryDataset } from '../../../contracts/queries.ts';
import type { ArtifactReference } from '../../../contracts/references.ts';
import { openGradientTable, readGradients } from '../../../tables/gradients.ts';
import { contentHexAt } from '../../../tables/hash-column.ts';
import { selectionTable } from '../../../tables/selection.ts';
import { SmallRun, inActivity } from '../small-run.ts';

const run = new SmallRun('allocation.budget_fraction=0.25', 'selection.query_rows=4', 'selection.cluster_count=3');
const { selectRows } = createSelectionActivities(run.dependencies);
const { allocateRows } = createAllocationActivities();

let known: ValuesResult & { rows: ArtifactReference; gradients: ArtifactReference };
/** Gradients of the test rows. */
let asked: ArtifactReference;
beforeAll(async () => {
  known = await run.estimate(run.config());
  asked = await queriesOf(run.config('selection.method=less', 'selection.queries=evaluation'));
});

async function queriesOf(config: Config): Promise<ArtifactReference> {
  const dataset = queryDataset(config, { methods: [config.selection.method] })!;
  const { adapter } = await run.tune(run.config());
  const { rows } = await run.scan({ ...config, dataset });
  return (await run.takeGradients({ config: { ...config, dataset }, rows, adapter })).gradients;
}

async function select(
  method: SelectionMethod,
  settings: readonly string[] = [],
  change: Partial<SelectInput> = {},
): Promise<SelectionResult> {
  const config = run.config(...settings);
  const allocation = await inActivity(allocateRows, { config, method, tasks: known.tasks, allRowCount: 59 });
  const input = { config, method, values: known.values, allocation, gradients: [known.gradients], ...change };
  return inActivity(selectRows, input);
}

async function rowIndexes({ selection }: SelectionResult): Promise<number[]> {
  const rows: number[] = [];
  for await (const { rowIndex } of selectionTable.read(run.store, selection)) rows.push(...rowIndex);
  return rows;
}

/** Unit gradients of a table by content, with their tasks. */
async function directionsOf(gradients: ArtifactReference): Promise<Map<string, { task: string; unit: number[] }>> {
  const table = await openGradientTable(run.store, [gradients]);
  const rows = new Map<string, { task: string; unit: number[] }>();
  for await (const batch of readGradients(run.store, table))
    for (let row = 0; row < batch.rowCount; row += 1) {
      const own = [...batch.gradient.slice(row * table.sketch, (row + 1) * table.sketch)];
      const norm = Math.hypot(...own);
      rows.set(contentHexAt(batch.contentHash, row), {
        task: batch.task[row]!,
        unit: own.map((value) => value / norm),
      });
    }
  return rows;
}

const dot = (left: readonly number[], right: readonly number[]): number =>
  left.reduce((sum, value, place) => sum + value * right[place]!, 0);

/** Rows of the values by their largest mean cosine with the queries of a task. */
async function slowScores(queries: readonly { task: string; unit: number[] }[]): Promise<Map<number, number>> {
  const names = known.tasks.map(({ task }) => task);
  const rows = await readValues(run.store, known.values, names, 'mean_of_cosines');
  const directions = await directionsOf(known.gradients);
  const tasks = [...new Set(queries.map(({ task }) => task))];
  return new Map(
    Array.from(rows.rowIndex, (rowIndex, row) => {
      const { unit } = directions.get(contentHexAt(rows.contentHash, row))!;
      const means = tasks.map((task) => {
        const own = queries.filter((query) => query.task === task);
        return own.reduce((sum, query) => sum + dot(unit, query.unit) / own.length, 0);
      });
      return [rowIndex, Math.max(...means)];
    }),
  );
}

/** By content: mean cosine with the queries of each task. */
async function meansOf(gradients: ArtifactReference, asking: ArtifactReference): Promise<Map<string, number[]>> {
  const queries = [...(await directionsOf(asking)).values()];
  const tasks = [...new Set(queries.map(({ task }) => task))].sort();
  const groups = tasks.map((task) => queries.filter((query) => query.task === task));
  return new Map(
    [...(await directionsOf(gradients))].map(([content, { unit }]) => [
      content,
      groups.map((own) => own.reduce((sum, query) => sum + dot(unit, query.unit) / own.length, 0)),
    ]),
  );
}

/** Row numbers of a values table with their contents. */
async function contentsOf(values: ArtifactReference): Promise<[number, string][]> {
  const names = known.tasks.map(({ task }) => task);
  const rows = await readValues(run.store, values, names, 'mean_of_cosines');
  return Array.from(rows.rowIndex, (rowIndex, row) => [rowIndex, contentHexAt(rows.contentHash, row)]);
}

describe('a selection by queries', () => {
  test('of test rows takes what points most as they do, of the task they suit best', async () => {
    const scores = await slowScores([...(await directionsOf(asked)).values()]);
    const taken = await rowIndexes(await select('less', [], { queries: asked }));
    const least = [...scores.values()].sort((left, right) => right - left)[13]!;
    for (const rowIndex of taken) expect(scores.get(rowIndex)!).toBeGreaterThan(least - 1e-5);
    expect(taken).toHaveLength(14);
  });

  test('of held-out rows holds the same rows out for every method, and takes none of them', async () => {
    const names = known.tasks.map(({ task }) => task);
    const rows = await readValues(run.store, known.values, names, 'mean_of_cosines');
    const marks = holdOut(rows, names, 4, 42);
    const held = [...rows.rowIndex].filter((_, row) => marks[row] === 1);
    expect(held).toHaveLength(12);
    const directions = await directionsOf(known.gradients);
    const queries = [...marks.keys()]
      .filter((row) => marks[row] === 1)
      .map((row) => directions.get(contentHexAt(rows.contentHash, row))!);
    const scores = await slowScores(queries);
    const free = [...scores].filter(([rowIndex]) => !held.includes(rowIndex)).map(([, score]) => score);
    const least = free.sort((left, right) => right - left)[13]!;
    const taken = await rowIndexes(await select('less'));
    for (const rowIndex of taken) expect(scores.get(rowIndex)!).toBeGreaterThan(least - 1e-5);
    for (const method of ['less', 'icons', 'gist'] as const)
      expect((await rowIndexes(await select(method))).filter((rowIndex) => held.includes(rowIndex))).toEqual([]);
  });

  test('is another one for other queries, another method, and in a subspace of another rank', async () => {
    const addresses = await Promise.all([
      select('less'),
      select('less', ['selection.query_rows=3']),
      select('less', [], { queries: asked }),
      select('icons', [], { queries: asked }),
      select('gist', [], { queries: asked }),
      select('gist', ['selection.query_rank=1'], { queries: asked }),
    ]);
    expect(new Set(addresses.map(({ selection }) => selection.uri)).size).toBe(6);
    const again = await select('less', ['selection.query_rank=5', 'selection.lambda=9'], { queries: asked });
    expect(again).toMatchObject({ cached: true, selection: addresses[2]!.selection });
  });

  test('can share the budget out equally', async () => {
    const { tasks } = await select('icons', ['allocation.weighting=equal'], { queries: asked });
    expect(tasks.map(({ copies }) => copies).sort()).toEqual([4, 5, 5]);
  });

  test('refuses queries of another projection', async () => {
    const other = await queriesOf(
      run.config('selection.method=less', 'selection.queries=evaluation', 'gradients.sketch=32'),
    );
    await expect(select('less', ['run.seed=9'], { queries: other })).rejects.toThrow(
      'selection.queries: sketch must be that of the rows, 64, got 32',
    );
  });
});

describe('a selection by queries at several checkpoints', () => {
  const settings = ['warmup.trajectory=2', 'warmup.epochs=2'];
  const RATES = { rate: 3, lastRate: 1 };

  test('adds what each says, by the learning rates', async () => {
    const own = run.config(...settings, 'selection.method=less', 'selection.queries=evaluation');
    const plain = { ...own, warmup: { ...own.warmup, trajectory: 0 } };
    const { adapter } = await run.tune(own);
    const { rows } = await run.scan(own);
    const dataset = queryDataset(own, { methods: ['less'] })!;
    const asking = { ...plain, dataset };
    const { rows: askedRows } = await run.scan(asking);
    const at = async (step?: number) => {
      const model = { adapter, ...(step !== undefined && { step }) };
      const { gradients } = await run.takeGradients({ config: plain, rows, ...model });
      const { gradients: queries } = await run.takeGradients({ config: asking, rows: askedRows, ...model });
      return { gradients, queries, means: await meansOf(gradients, queries) };
    };
    const [early, end] = [await at(2), await at()];
    const score = (means: (typeof end)['means'], content: string): number[] => means.get(content)!;
    const scores = [...end.means].map(([content, last]) =>
      Math.max(...last.map((value, group) => (value + 3 * score(early.means, content)[group]!) / 4)),
    );
    const values = (await run.estimate(own)).values;
    const earlier = { checkpoints: [{ step: 2, rate: RATES.rate, ...early }], lastRate: RATES.lastRate };
    const change = { values, gradients: [end.gradients], queries: end.queries };
    const taken = await select('less', settings, { ...change, earlier });
    const least = scores.sort((left, right) => right - left)[13]!;
    const contents = new Map(await contentsOf(values));
    for (const rowIndex of await rowIndexes(taken)) {
      const content = contents.get(rowIndex)!;
      const both = end.means.get(content)!.map((value, group) => (value + 3 * score(early.means, content)[group]!) / 4);
      expect(Math.max(...both)).toBeGreaterThan(least - 1e-5);
    }
    const alone = await select('less', settings, change);
    expect(alone.selection.uri).not.toBe(taken.selection.uri);
    expect(await rowIndexes(alone)).not.toEqual(await rowIndexes(taken));
    // The same table again says nothing new, in whatever order its rows stand.
    const same = { checkpoints: [{ step: 2, rate: 5, gradients: end.gradients, queries: end.queries }], lastRate: 2 };
    expect(await rowIndexes(await select('less', settings, { ...change, earlier: same }))).toEqual(
      await rowIndexes(alone),
    );
  });

  test('holds the same rows out at each', async () => {
    const own = run.config(...settings);
    const plain = { ...own, warmup: { ...own.warmup, trajectory: 0 } };
    const [{ adapter }, { rows }] = [await run.tune(own), await run.scan(own)];
    const { gradients } = await run.takeGradients({ config: plain, rows, adapter, step: 2 });
    const earlier = { checkpoints: [{ step: 2, rate: 1, gradients, queries: null }], lastRate: 1 };
    const change = { values: (await run.estimate(own)).values, earlier };
    const taken = await rowIndexes(await select('less', settings, change));
    const names = known.tasks.map(({ task }) => task);
    const valued = await readValues(run.store, change.values, names, 'mean_of_cosines');
    const marks = holdOut(valued, names, 4, 42);
    expect(taken).toHaveLength(14);
    for (const rowIndex of taken) expect(marks[valued.rowIndex.indexOf(rowIndex)]).toBe(0);
  });
});

test('gradients that were scaled are no queries: rows of such a table cannot be held out', async () => {
  const scaled = run.config('run.seed=8');
  const config = { ...scaled, gradients: { ...scaled.gradients, preconditioner: 'adam' as const } };
  await expect(select('gist', [], { config })).rejects.toThrow(
    'selection.queries: must be plain gradients, got rows held out of a table that gradients.preconditioner has scaled; ' +
      'set queries: evaluation, or query_path',
  );
});

describe('a selection by clusters', () => {
  test('takes as many rows of every cluster as of any other, within equal quotas', async () => {
    const { tasks, selection } = await select('clusters');
    expect(tasks.map(({ copies }) => copies).sort()).toEqual([4, 5, 5]);
    expect((await select('clusters', ['selection.cluster_count=2'])).selection.uri).not.toBe(selection.uri);
    // With one cluster it is the balanced choice.
    const one = await rowIndexes(await select('clusters', ['selection.cluster_count=1']));
    expect(one).toEqual(await rowIndexes(await select('task_balanced')));
  });
});

describe('a selection by loss trajectories', () => {
  const settings = ['warmup.trajectory=2', 'warmup.epochs=2'];

  test('takes as many rows of every cluster of them, within equal quotas', async () => {
    const own = await run.estimate(run.config(...settings));
    const change = { values: own.values, gradients: [own.gradients] };
    const { tasks, selection } = await select('trajectories', settings, change);
    expect(tasks.map(({ copies }) => copies).sort()).toEqual([4, 5, 5]);
    const other = await select('trajectories', [...settings, 'selection.cluster_count=2'], change);
    expect(other.selection.uri).not.toBe(selection.uri);
    const one = await rowIndexes(await select('trajectories', [...settings, 'selection.cluster_count=1'], change));
    expect(one).toEqual(await rowIndexes(await select('task_balanced', settings, change)));
  });

  test('refuses a table without losses at several checkpoints', async () => {
    await expect(select('trajectories')).rejects.toThrow(
      'selection.method: trajectories needs losses at 2 checkpoints or more, got 0 in the table of gradients; ' +
        'set warmup.trajectory, and run the recipe anew',
    );
  });
});

test('queries are rows of a file, test rows, or none where no method asks for them', () => {
  const of = (methods: SelectionMethod[], ...settings: string[]) => queryDataset(run.config(...settings), { methods });
  expect(of(['less'])).toBeNull();
  expect(of(['tive', 'deduplicated'], 'selection.queries=evaluation')).toBeNull();
  const config = run.config();
  expect(of(['tive', 'gist'], 'selection.queries=evaluation')!.path).toEqual([config.evaluation.path]);
  const file = of(['icons'], `selection.query_path=${config.dataset.path[0]!}`);
  expect(file).toMatchObject({ path: config.dataset.path, maxRows: null, taskField: config.dataset.taskField });
});
