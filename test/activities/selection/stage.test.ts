import { beforeAll, describe, expect, test } from 'vitest';
import { selectRows as selectAlone } from '../../../algorithms/selectors/select-rows.ts';
import type { SelectableRows } from '../../../algorithms/selectors/select-rows.ts';
import { createAllocationActivities } from '../../../activities/selection/allocation.ts';
import { createSelectionActivities } from '../../../activities/selection/stage.ts';
import type { Config, SelectionMethod } from '../../../contracts/config.ts';
import type { SelectInput, SelectionResult } from '../../../contracts/messages/selection.ts';
import type { ValuesResult } from '../../../contracts/messages/values.ts';
import { METHOD_NAMES, quotasOf, readsGradients } from '../../../contracts/methods.ts';
import { readCopies, selectionTable } from '../../../tables/selection.ts';
import { valuesTable } from '../../../tables/values.ts';
import { SmallRun, inActivity } from '../small-run.ts';

const run = new SmallRun('allocation.budget_fraction=0.25');
const { selectRows } = createSelectionActivities(run.dependencies);
const { allocateRows } = createAllocationActivities();
const BUDGET = 14;

let known: ValuesResult;
beforeAll(async () => {
  known = await run.estimate(run.config());
});

async function inputOf(method: SelectionMethod, config: Config = run.config()): Promise<SelectInput> {
  const allocation = await inActivity(allocateRows, { config, method, tasks: known.tasks, allRowCount: 59 });
  return { config, method, values: known.values, allocation };
}

const select = async (method: SelectionMethod, ...settings: string[]): Promise<SelectionResult> =>
  inActivity(selectRows, await inputOf(method, run.config(...settings)));

/** The values in memory, read column by column. */
async function selectable(): Promise<SelectableRows> {
  for await (const batch of valuesTable.read(run.store, known.values))
    return {
      rowIndex: batch.rowIndex,
      contentHash: batch.contentHash,
      taskIndex: Uint32Array.from(batch.task, (name) => known.tasks.findIndex(({ task }) => task === name)),
      columns: {
        instance_value: batch.meanOfCosines,
        gradient_norm: batch.gradientNorm,
        loss: batch.loss,
        supervised_token_count: batch.supervisedTokenCount,
        el2n: batch.el2n,
      },
    };
  throw new Error('values: must have a batch, got none');
}

describe('a selection', () => {
  test.each(METHOD_NAMES.filter((method) => !readsGradients(method)))(
    'by %s is what the algorithm gives for the same values',
    async (method) => {
      const { config, allocation } = await inputOf(method);
      const { tasks, budget } = allocation;
      const rows = await selectable();
      const { seed } = config.run;
      const quotas = quotasOf(method, config.allocation.weighting);
      const wanted = selectAlone(rows, { ...config.selection, method, seed, quotas, budget, tasks }).rows;
      const selected = await select(method);
      for await (const batch of selectionTable.read(run.store, selected.selection)) {
        expect(batch.rowIndex).toEqual(Uint32Array.from(wanted.position, (position) => rows.rowIndex[position]!));
        expect(batch.copies).toEqual(wanted.copies);
        expect(batch.probability).toEqual(wanted.probability);
        expect(batch.rank).toEqual(wanted.rank);
        expect(batch.task).toEqual(
          Array.from(wanted.position, (position) => known.tasks[rows.taskIndex[position]!]!.task),
        );
      }
      expect(selected).toMatchObject({ method, rowCount: BUDGET, cached: false });
    },
  );

  test('counts rows and copies of each task, as often as its quota says', async () => {
    const { allocation } = await inputOf('tive');
    const { tasks, selection } = await select('tive');
    expect(tasks.map(({ task, copies }) => ({ task, quota: copies }))).toEqual(
      allocation.tasks.map(({ task, quota }) => ({ task, quota })),
    );
    const copies = await readCopies(run.store, selection);
    expect([...copies.values()].reduce((sum, count) => sum + count, 0)).toBe(BUDGET);
    for (const { effectiveShare } of tasks) expect(effectiveShare).toBeGreaterThan(0);
    for (const { effectiveShare } of (await select('random')).tasks) expect(effectiveShare).toBeNull();
  });

  test('is made once: asked again, the same artifact comes back', async () => {
    const first = await select('tive', 'run.seed=3');
    expect(first.cached).toBe(false);
    expect(await select('tive', 'run.seed=3')).toEqual({ ...first, cached: true });
  });
});

describe('a selection is another one', () => {
  const addressOf = async (method: SelectionMethod, ...settings: string[]): Promise<string> =>
    (await select(method, ...settings)).selection.uri;

  test.each<[SelectionMethod, string, boolean]>([
    ['tive', 'selection.lambda=2', true],
    ['tive_instance', 'selection.lambda=2', true],
    ['tive_task', 'selection.lambda=2', false],
    ['task_balanced', 'selection.lambda=2', false],
    ['random', 'selection.lambda=2', false],
    ['random', 'selection.replacement=true', true],
    ['grand', 'selection.replacement=true', false],
    ['grand', 'run.seed=5', true],
    ['grand', 'selection.ranks=mid', true],
    ['tive', 'selection.ranks=mid', false],
    ['loss', 'allocation.weighting=equal', true],
    ['size_tempered', 'allocation.alpha=1', true],
    ['task_balanced', 'allocation.alpha=1', false],
    ['task_balanced', 'allocation.weighting=size', false],
    ['tive', 'allocation.weighting=size', true],
    ['random', 'allocation.budget_fraction=0.5', true],
    ['tive', 'run.name=other', false],
  ])('of %s with %s: %s', async (method, setting, isOther) => {
    const [plain, changed] = [await addressOf(method), await addressOf(method, setting)];
    expect(changed !== plain).toBe(isOther);
  });
});
