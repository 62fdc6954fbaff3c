import { describe, expect, test, vi } from 'vitest';
import { approveRun, pauseRun, resumeRun } from '../../client/runs/hold-run.ts';
import { outcomeOf } from '../../client/terminal/outcome.ts';
import type { Config } from '../../contracts/config.ts';
import { fakeActivities } from './fake-activities.ts';
import { CONFIG, refusalOf, start } from './start-runs.ts';
import { useTestServer } from './use-test-server.ts';

const server = useTestServer();

const HELD: Config = { ...CONFIG, allocation: { ...CONFIG.allocation, approval: 'required' } };

describe('a paused run', () => {
  test('begins nothing new until it is resumed, in its children neither', async () => {
    const gate = withResolvers();
    const fakes = fakeActivities(
      { shardCount: 6 },
      {},
      async (name) => void (name === 'computeGradientShard' && (await gate.promise)),
    );
    await server().play(fakes, async () => {
      const { client } = server();
      const run = await start(client, 'paused');
      await vi.waitFor(() => expect(fakes.count('computeGradientShard')).toBe(2), { timeout: 20_000 });
      await pauseRun(client, run);
      expect((await run.progress())?.gate.isPaused).toBe(true);
      gate.resolve();
      await new Promise((resolve) => setTimeout(resolve, 2000));
      // Those that were in work may end; the window of two is not filled again.
      expect(fakes.count('computeGradientShard')).toBe(2);
      expect(fakes.count('closeGradients')).toBe(0);
      await resumeRun(client, run);
      const result = await run.result();
      expect(fakes.count('computeGradientShard')).toBeGreaterThanOrEqual(6);
      expect(result.report).not.toBeNull();
    });
  });
});

describe('a run that needs an approval', () => {
  test('waits with its quotas, and goes on when somebody approves', async () => {
    const fakes = fakeActivities({ shardCount: 1 });
    await server().play(fakes, async () => {
      const run = await start(server().client, 'approved', { config: HELD });
      await vi.waitFor(async () => expect((await run.progress())?.gate.awaitsApproval).toBe(true), { timeout: 20_000 });
      expect(fakes.count('selectRows')).toBe(0);
      const stages = (await run.progress())!.stages;
      expect(stages.find(({ stage }) => stage === 'allocation')?.detail).toMatch(
        /^\d+ rows over 2 tasks wait for approval$/,
      );
      await approveRun(run);
      const result = await run.result();
      expect(result.methods[0]!.selection).not.toBeNull();
      expect(result.stages.find(({ stage }) => stage === 'allocation')?.detail).not.toMatch(/wait/);
    });
  });

  test('cannot be approved of before it asks', async () => {
    const gate = withResolvers();
    const fakes = fakeActivities(
      { shardCount: 1 },
      {},
      async (name) => void (name === 'scanRows' && (await gate.promise)),
    );
    await server().play(fakes, async () => {
      const run = await start(server().client, 'too-early', { config: HELD, until: 'warmup' });
      const refusal = await refusalOf(approveRun(run));
      gate.resolve();
      expect(outcomeOf(refusal)).toEqual({
        exitCode: 2,
        message: 'approve: run must wait for an approval, got none asked',
      });
      await run.result();
    });
  });
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
