import { describe, expect, test } from 'vitest';
import { startReselection } from '../../client/runs/runs.ts';
import { fakeActivities } from './fake-activities.ts';
import { CONFIG, failureType, refusalOf, start } from './start-runs.ts';
import { useTestServer } from './use-test-server.ts';

const server = useTestServer();

const ROWS = 'rows(dataset)';
const ADAPTER = `warmup(${ROWS})`;
const TABLE = `gradients(${ROWS},${ADAPTER})`;
const VALUES = `values(${ROWS},${TABLE})`;

describe('a run', () => {
  test('filters rows before their quotas, for the methods that are filtered', async () => {
    const config = { ...CONFIG, evaluation: { ...CONFIG.evaluation, compare: ['deduplicated' as const] } };
    const fakes = fakeActivities({ shardCount: 1 });
    const { methods } = await server().play(fakes, async () =>
      (await start(server().client, 'filtered', { config })).result(),
    );
    const filtered = `filtered(near_duplicates,${VALUES},${ROWS},${TABLE})`;
    expect(fakes.inputs('filterRows')).toHaveLength(1);
    expect(methods.map(({ filter }) => filter?.filtered.uri)).toEqual([undefined, filtered]);
    expect(fakes.inputs('allocateRows').map(({ kept }) => kept)).toEqual([
      undefined,
      ['name', 'tell'].map((task) => ({ task, keptCount: 40 })),
    ]);
    expect(fakes.inputs('selectRows').map((input) => input.filtered?.uri)).toEqual([undefined, filtered]);
  });

  test('gives the rows to a selection whose copies are to be changed, and to no other', async () => {
    const changed = { ...CONFIG.allocation, overflow: 'repeat' as const, augment: 'pictures' as const };
    for (const [name, allocation, wanted] of [
      ['plain', CONFIG.allocation, undefined],
      ['capped', { ...changed, overflow: 'redistribute' as const }, undefined],
      ['changed', changed, ROWS],
    ] as const) {
      const fakes = fakeActivities({ shardCount: 1 });
      await server().play(fakes, async () =>
        (await start(server().client, name, { config: { ...CONFIG, allocation } })).result(),
      );
      expect(new Set(fakes.inputs('selectRows').map(({ rows }) => rows?.uri))).toEqual(new Set([wanted]));
    }
  });

  test('gives a method that draws at random the gradients where near-duplicates share a weight', async () => {
    const selection = { ...CONFIG.selection, nearDuplicateWeight: 0.95 };
    const config = {
      ...CONFIG,
      selection,
      evaluation: { ...CONFIG.evaluation, compare: ['random' as const, 'loss' as const] },
    };
    const fakes = fakeActivities({ shardCount: 1 });
    await server().play(fakes, async () => (await start(server().client, 'weighted', { config })).result());
    expect(fakes.inputs('selectRows').map((input) => [input.method, input.gradients?.[0]?.uri])).toEqual([
      ['tive', TABLE],
      ['random', TABLE],
      ['loss', undefined],
    ]);
  });

  test('takes the gradients of queries at the same reference model, for the methods that ask for them', async () => {
    const selection = { ...CONFIG.selection, queryPath: 'fifty.json' };
    const config = { ...CONFIG, selection, evaluation: { ...CONFIG.evaluation, compare: ['less' as const] } };
    const fakes = fakeActivities({ shardCount: 1 });
    const { methods, queries, stages } = await server().play(fakes, async () =>
      (await start(server().client, 'queries', { config })).result(),
    );
    const asked = fakes.inputs('planGradients').map((input) => [input.adapter.uri, input.config.dataset.path]);
    expect(asked).toEqual([
      [ADAPTER, CONFIG.dataset.path],
      [ADAPTER, ['fifty.json']],
    ]);
    expect(queries!.gradients.uri).toBe(TABLE);
    expect(stages.find(({ stage }) => stage === 'gradients')).toMatchObject({ state: 'done', detail: /rows/ });
    expect(methods.map(({ method }) => method)).toEqual(['tive', 'less']);
    expect(fakes.inputs('selectRows').map((input) => [input.gradients?.length, input.queries?.uri])).toEqual([
      [undefined, undefined],
      [1, TABLE],
    ]);
  });
});

describe('a reselection', () => {
  test('waits for nobody’s approval, which would hold no training', async () => {
    const base = await server().play(fakeActivities(), async () => (await start(server().client, 'free')).result());
    const config = { ...CONFIG, allocation: { ...CONFIG.allocation, approval: 'required' as const } };
    const { methods } = await server().play(fakeActivities(), async () =>
      (await startReselection(server().client, { runName: 'held', config }, base)).result(),
    );
    expect(methods[0]!.selection).not.toBeNull();
  });

  test('by queries that the run has taken no gradients of is refused, and by held-out rows is not', async () => {
    const selection = { ...CONFIG.selection, method: 'less' as const, queries: 'evaluation' as const };
    const base = await server().play(fakeActivities(), async () => (await start(server().client, 'plain')).result());
    const reselect = (runName: string, config: typeof CONFIG) =>
      server().play(fakeActivities(), async () =>
        (await startReselection(server().client, { runName, config }, base)).result(),
      );
    const error = await refusalOf(reselect('asking', { ...CONFIG, selection }));
    expect(failureType(error)).toBe('InvalidConfigError');
    const { methods } = await reselect('holding', { ...CONFIG, selection: { ...selection, queries: 'held_out' } });
    expect(methods[0]!.method).toBe('less');
  });
});
