import { describe, expect, test, vi } from 'vitest';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import type { GradientShard } from '../../contracts/messages/gradients.ts';
import { fakeActivities, honestCompute } from './fake-activities.ts';
import type { Activities } from './fake-activities.ts';
import { pagesOf } from './histories.ts';
import { collectInput, failureType, refusalOf, start, startCollecting } from './start-runs.ts';
import { useTestServer } from './use-test-server.ts';

/** The server suggests to continue as new at this many events instead of 4,096. */
const SUGGESTED_EVENTS = 200;

// Nothing stays in memory between workflow tasks here: each replays the whole history.
const server = useTestServer({
  maxCachedWorkflows: 0,
  extraArgs: ['--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${SUGGESTED_EVENTS}`],
});

const { computeGradientShard } = honestCompute({});

/** Shards that wait until they are let go. */
function heldShards(): { instead: Activities['computeGradientShard']; held: Map<number, () => void>; most(): number } {
  const held = new Map<number, () => void>();
  let most = 0;
  return {
    held,
    most: () => most,
    instead: async (input) => {
      await new Promise<void>((resolve) => {
        held.set(input.shard, resolve);
        most = Math.max(most, held.size);
      });
      held.delete(input.shard);
      return computeGradientShard(input);
    },
  };
}

const eventually = (claim: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(claim, { timeout: 20_000, interval: 20 });

/** Numbers 0 … count - 1. */
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('the sliding window', () => {
  test('has as many shards in work as it is wide, never more, and moves on with each that is done', async () => {
    const { instead, held, most } = heldShards();
    const fakes = fakeActivities({}, { computeGradientShard: instead });
    const shards = await server().play(fakes, async () => {
      const child = await startCollecting(server().client, 'window', collectInput(7, 3));
      for (const shard of upTo(7)) {
        const expected = upTo(7).slice(shard, shard + 3);
        await eventually(() => expect([...held.keys()].toSorted()).toEqual(expected));
        expect((await child.describe()).raw.pendingActivities).toHaveLength(expected.length);
        expect(await child.query<number>('finishedShards')).toBe(shard);
        held.get(shard)!();
        await eventually(async () => expect(await child.query<number>('finishedShards')).toBe(shard + 1));
      }
      return child.result();
    });
    expect(most()).toBe(3);
    expect(shards.map(({ shard }) => shard)).toEqual(upTo(7));
  });

  test('gives the shards in order, in whatever order they are done', async () => {
    const { instead, held } = heldShards();
    const fakes = fakeActivities({}, { computeGradientShard: instead });
    const shards = await server().play(fakes, async () => {
      const child = await startCollecting(server().client, 'order', collectInput(4, 4));
      for (const shard of [2, 0, 3, 1]) {
        await eventually(() => expect(held.has(shard)).toBe(true));
        held.get(shard)!();
        await eventually(() => expect(held.has(shard)).toBe(false));
      }
      return child.result();
    });
    expect(shards.map(({ shard }) => shard)).toEqual(upTo(4));
  });

  test('a shard that fails ends the child after the others in work, and no further one is begun', async () => {
    const { instead, held } = heldShards();
    const broken: Activities['computeGradientShard'] = async (input) => {
      if (input.shard === 1) throw new InvalidDatasetError('gradients: picture must be there, got none');
      return instead(input);
    };
    const fakes = fakeActivities({}, { computeGradientShard: broken });
    const error = await server().play(fakes, async () => {
      const child = await startCollecting(server().client, 'broken', collectInput(9, 3));
      await eventually(() => expect([...held.keys()].toSorted()).toEqual([0, 2]));
      // The failed one is no longer pending, the others are, and the child is still there.
      await eventually(async () => expect((await child.describe()).raw.pendingActivities).toHaveLength(2));
      expect((await child.describe()).status.name).toBe('RUNNING');
      held.get(0)!();
      await eventually(async () => expect((await child.describe()).raw.pendingActivities).toHaveLength(1));
      expect((await child.describe()).status.name).toBe('RUNNING');
      held.get(2)!();
      return refusalOf(child.result());
    });
    expect(failureType(error)).toBe('InvalidDatasetError');
    const begun = fakes.inputs('computeGradientShard').map(({ shard }) => shard);
    expect(begun.toSorted()).toEqual([0, 1, 2]);
  });
});

describe('a long history', () => {
  test('continues as new: every shard is computed once, and what is done is carried over', async () => {
    const fakes = fakeActivities();
    const { shards, pages } = await server().play(fakes, async () => {
      const child = await startCollecting(server().client, 'long', collectInput(300, 8));
      return { shards: await child.result(), pages: await pagesOf(server().client, 'long') };
    });
    expect(shards.map(({ shard }) => shard)).toEqual(upTo(300));
    const computed = fakes.inputs('computeGradientShard').map(({ shard }) => shard);
    expect(computed.toSorted((left, right) => left - right)).toEqual(upTo(300));
    expect(pages.length).toBeGreaterThanOrEqual(5);
    pages.forEach(({ input, eventCount, shardCount }, index) => {
      // A window of shards is still in work when the server gives its hint.
      expect(eventCount).toBeLessThan(SUGGESTED_EVENTS + 100);
      const before = pages.slice(0, index).reduce((sum, page) => sum + page.shardCount, 0);
      expect(input.next).toBe(before);
      const done = input.done.map(({ shard }: GradientShard) => shard);
      expect(done.toSorted((left, right) => left - right)).toEqual(upTo(before));
      expect(shardCount).toBeGreaterThan(0);
    });
  });

  test('of a child is one piece of work for its run, however many pages it has', async () => {
    const fakes = fakeActivities({ shardCount: 70 });
    const result = await server().play(fakes, async () =>
      (await start(server().client, 'pages', { until: 'gradients', shardWindow: 8 })).result(),
    );
    const [closed] = fakes.inputs('closeGradients');
    expect(closed!.shards.map(({ shard }) => shard)).toEqual(upTo(70));
    expect(fakes.count('computeGradientShard')).toBe(70);
    expect(result.stages.find(({ stage }) => stage === 'gradients')).toMatchObject({ state: 'done', doneCount: 70 });
    expect((await pagesOf(server().client, 'tive-gradients/work/0')).length).toBeGreaterThan(1);
  });

  test('a whole run replays at every task and ends as it does from memory', async () => {
    const fakes = fakeActivities({ shardCount: 3 });
    const result = await server().play(fakes, async () => (await start(server().client, 'whole')).result());
    expect(new Set(result.stages.map(({ state }) => state))).toEqual(new Set(['done']));
    expect(fakes.count('computeGradientShard')).toBe(3);
    expect(fakes.count('finetuneModel')).toBe(2);
    expect(fakes.count('evaluateModel')).toBe(3);
    expect(fakes.count('writeReport')).toBe(1);
  });
});

describe('more shards than a child takes', () => {
  test('are shared out to children of 500, one after the other', async () => {
    const fakes = fakeActivities({ shardCount: 501 });
    const children = await server().play(fakes, async () => {
      const run = await start(server().client, 'children', { until: 'gradients', shardWindow: 32 });
      await run.result();
      const { events } = await run.workflow.fetchHistory();
      return (events ?? []).flatMap(
        ({ startChildWorkflowExecutionInitiatedEventAttributes: started }) => started?.workflowId ?? [],
      );
    });
    expect(children).toEqual(['tive-gradients/work/0', 'tive-gradients/work/1']);
    const computed = fakes.inputs('computeGradientShard').map(({ shard }) => shard);
    expect(computed.toSorted((left, right) => left - right)).toEqual(upTo(501));
    expect(computed.indexOf(500)).toBeGreaterThanOrEqual(500);
  });
});
