import { CancelledFailure } from '@temporalio/common';
import { expect, test, vi } from 'vitest';
import type { RunResult } from '../../contracts/messages/run.ts';
import { fakeActivities, honestCompute } from './fake-activities.ts';
import type { Activities } from './fake-activities.ts';
import { refusalOf, start } from './start-runs.ts';
import { useTestServer } from './use-test-server.ts';

const server = useTestServer();
const SHARD_COUNT = 6;
const eventually = (check: () => Promise<void> | void): Promise<void> =>
  vi.waitFor(check, { timeout: 20_000, interval: 20 });

/** Shards that a store would hold, and how often each was computed; computing waits for the gate. */
function sharedStore(): {
  computeGradientShard: Activities['computeGradientShard'];
  computed: Map<number, number>;
  open: () => void;
} {
  const computed = new Map<number, number>();
  const honest = honestCompute({ shardCount: SHARD_COUNT });
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  return {
    computed,
    open: () => open(),
    computeGradientShard: async (input) => {
      const cached = computed.has(input.shard);
      if (input.shard >= 2) await gate;
      if (!cached) computed.set(input.shard, (computed.get(input.shard) ?? 0) + 1);
      return { ...(await honest.computeGradientShard(input)), cached };
    },
  };
}

const startBoth = (): Promise<Awaited<ReturnType<typeof start>>[]> =>
  Promise.all(['one', 'two'].map((name) => start(server().client, name, { until: 'gradients' })));

/** The run that has the child, and the one that waits for it. */
async function roles(runs: Awaited<ReturnType<typeof startBoth>>): Promise<typeof runs> {
  let computing = -1;
  await eventually(async () => {
    const described = await Promise.all(runs.map(({ workflow }) => workflow.describe()));
    const children = described.map(({ raw }) => (raw.pendingChildren ?? []).length);
    const waiting = described.map(({ raw }) =>
      (raw.pendingActivities ?? []).some(({ activityType }) => activityType?.name === 'awaitGradients'),
    );
    expect(children.toSorted()).toEqual([0, 1]);
    computing = children.indexOf(1);
    expect(waiting[1 - computing]).toBe(true);
  });
  return [runs[computing]!, runs[1 - computing]!];
}

test('two runs that share gradients compute each shard once, and end alike', async () => {
  const { computeGradientShard, computed, open } = sharedStore();
  const fakes = fakeActivities({ shardCount: SHARD_COUNT }, { computeGradientShard });
  const results = await server().play(fakes, async () => {
    const [first, second] = await roles(await startBoth());
    expect((await second!.progress())?.stages.find(({ stage }) => stage === 'gradients')?.state).toBe('running');
    open();
    return Promise.all([first!.result(), second!.result()]);
  });
  expect([...computed.values()]).toEqual(Array.from({ length: SHARD_COUNT }, () => 1));
  const [first, second] = results.map(({ gradients }: RunResult) => gradients);
  expect(second).toEqual(first);
});

test('a run that is cancelled does not take the one that waits with it', async () => {
  const { computeGradientShard, computed, open } = sharedStore();
  const fakes = fakeActivities({ shardCount: SHARD_COUNT }, { computeGradientShard });
  await server().play(fakes, async () => {
    const [first, second] = await roles(await startBoth());
    await first!.workflow.cancel();
    open();
    const error = (await refusalOf(first!.result())) as Error;
    expect(error.cause).toBeInstanceOf(CancelledFailure);
    const { gradients } = await second!.result();
    expect(gradients).not.toBeNull();
  });
  expect([...computed.keys()].toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
  expect([...computed.values()]).toEqual(Array.from({ length: SHARD_COUNT }, () => 1));
});

test('a run that waits can be cancelled', async () => {
  const { computeGradientShard, open } = sharedStore();
  const fakes = fakeActivities({ shardCount: SHARD_COUNT }, { computeGradientShard });
  await server().play(fakes, async () => {
    const [first, second] = await roles(await startBoth());
    await second!.workflow.cancel();
    const error = (await refusalOf(second!.result())) as Error;
    expect(error.cause).toBeInstanceOf(CancelledFailure);
    open();
    expect((await first!.result()).gradients).not.toBeNull();
  });
});
