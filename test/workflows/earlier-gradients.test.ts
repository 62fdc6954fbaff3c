import { describe, expect, test } from 'vitest';
import { startReselection } from '../../client/runs/runs.ts';
import { fakeActivities } from './fake-activities.ts';
import type { Activities } from './fake-activities.ts';
import { CONFIG, failureType, refusalOf, start } from './start-runs.ts';
import { useTestServer } from './use-test-server.ts';

const server = useTestServer();

const ADAPTER = 'warmup(rows(dataset))';
const TABLE = `gradients(rows(dataset),${ADAPTER})`;

describe('gradients at checkpoints of the warm-up', () => {
  const selection = { ...CONFIG.selection, method: 'less' as const, queries: 'evaluation' as const };
  const adding = { ...CONFIG, selection: { ...selection, queryCheckpoints: 'all' as const } };
  const kept: Partial<Activities> = {
    tuneReference: async ({ rows }) => ({
      adapter: { ...rows, uri: ADAPTER },
      rowCount: 8,
      stepCount: 9,
      firstLoss: 2,
      lastLoss: 1,
      trajectory: [3, 6, 9],
      trajectoryRates: [0.5, 1, 0.25],
      cached: false,
    }),
  };

  test('are taken of rows and queries for a method that adds them, all but the last', async () => {
    const fakes = fakeActivities({ shardCount: 1 }, kept);
    const { earlierGradients, stages } = await server().play(fakes, async () =>
      (await start(server().client, 'adding', { config: adding, until: 'selection' })).result(),
    );
    const asked = fakes.inputs('planGradients');
    expect(asked.map(({ step, rows }) => [rows.uri, step])).toEqual([
      ['rows(dataset)', undefined],
      ['rows(dataset)', undefined],
      ...[3, 6].flatMap((step) => [
        ['rows(dataset)', step],
        ['rows(dataset)', step],
      ]),
    ]);
    expect(fakes.inputs('computeGradientShard').map(({ step }) => step)).toEqual(asked.map(({ step }) => step));
    const paths = asked.map(({ config }) => config.dataset.path[0] === adding.dataset.path[0]);
    expect(paths).toEqual([true, false, true, false, true, false]);
    expect(asked.slice(2).map(({ config }) => config.warmup.trajectory)).toEqual([0, 0, 0, 0]);
    expect(earlierGradients).toMatchObject({
      checkpoints: [
        { step: 3, rate: 0.5, gradients: { uri: TABLE }, queries: { uri: TABLE } },
        { step: 6, rate: 1 },
      ],
      lastRate: 0.25,
    });
    expect(fakes.inputs('selectRows').map(({ earlier }) => earlier)).toEqual([earlierGradients]);
    expect(stages.find(({ stage }) => stage === 'gradients')).toMatchObject({ state: 'done', detail: /rows/ });
  });

  test('are not taken where no method adds them', async () => {
    const config = { ...adding, selection: { ...adding.selection, method: 'icons' as const } };
    const fakes = fakeActivities({ shardCount: 1 }, kept);
    const result = await server().play(fakes, async () =>
      (await start(server().client, 'icons', { config, until: 'selection' })).result(),
    );
    expect(result).not.toHaveProperty('earlierGradients');
    expect(fakes.inputs('planGradients')).toHaveLength(2);
  });

  test('need a reference model that has them', async () => {
    const failed = server().play(fakeActivities(), async () =>
      (await start(server().client, 'none', { config: adding, until: 'selection' })).result(),
    );
    expect(failureType(await refusalOf(failed))).toBe('InvalidConfigError');
  });

  test('are those of the base where another selection is made from it, and are refused where it has none', async () => {
    const base = await server().play(fakeActivities({ shardCount: 1 }, kept), async () =>
      (await start(server().client, 'base', { config: adding, until: 'selection' })).result(),
    );
    const reselect = async (runName: string, from: typeof base) => {
      const fakes = fakeActivities();
      await server().play(fakes, async () =>
        (await startReselection(server().client, { runName, config: adding }, from)).result(),
      );
      return fakes.inputs('selectRows').map(({ earlier }) => earlier);
    };
    expect(await reselect('again', base)).toEqual([base.earlierGradients]);
    const { earlierGradients, ...without } = base;
    expect(earlierGradients).toBeDefined();
    expect(failureType(await refusalOf(reselect('without', without)))).toBe('InvalidConfigError');
  });
});
