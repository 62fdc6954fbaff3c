// What a run at work tells of itself: what it has found, and what its heartbeats carry.
import { Context } from '@temporalio/activity';
import { describe, expect, test, vi } from 'vitest';
import { findRun } from '../../client/runs/runs.ts';
import type { RunStatus } from '../../client/runs/runs.ts';
import type { Checkpoint, MethodResult, RunSoFar } from '../../contracts/messages/run.ts';
import type { TuneReferenceInput } from '../../contracts/messages/training.ts';
import { fakeActivities, honestCompute } from './fake-activities.ts';
import { CONFIG, start } from './start-runs.ts';
import { useTestServer } from './use-test-server.ts';

const server = useTestServer();

/** No test rows: one method, and nothing side by side. */
const ALONE = { ...CONFIG, evaluation: { ...CONFIG.evaluation, path: null } };

describe('a run at work', () => {
  test('tells what it has found so far: rows, then trainings as they end', async () => {
    const seen = new Map<string, RunSoFar>();
    const look = async (name: string): Promise<void> => {
      const id = Context.current().info.workflowExecution!.workflowId.replace('tive-gradients/work/0', 'tive-found');
      if (name !== 'scanRows') seen.set(name, await server().client.workflow.getHandle(id).query<RunSoFar>('found'));
    };
    const fakes = fakeActivities({ shardCount: 1 }, {}, look);
    const result = await server().play(fakes, async () =>
      (await start(server().client, 'found', { config: ALONE })).result(),
    );
    const { rowCount, usableCount } = result.dataset!;
    expect(seen.get('tuneReference')).toEqual({
      config: ALONE,
      until: 'report',
      rows: { rowCount, usableCount },
      testRowCount: null,
      warmup: null,
      methods: [],
      wasPaused: false,
      warnings: ['dataset warning'],
    });
    const [{ method, finetune }] = result.methods as [MethodResult];
    expect(seen.get('finetuneModel')).toMatchObject({ warmup: result.warmup, methods: [{ method, finetune: null }] });
    expect(seen.get('writeReport')!.methods).toEqual([{ method, finetune }]);
  });

  test('tells the curves and the pace of its heartbeats, and the curves still after an attempt has failed', async () => {
    const training = { name: 'warmup', steps: [0, 1, 2], losses: [3, 2, 1.5], learningRates: [1e-3, 1e-3, 5e-4] };
    const checkpoint: Checkpoint = { stage: 'warmup', doneCount: 3, totalCount: 12, movedAtAttempt: 1 };
    const statuses: RunStatus[] = [];
    const seen = async (isThere: (status: RunStatus) => boolean): Promise<void> => {
      const handle = await findRun(server().client, 'curves');
      const found = await vi.waitUntil(
        async () => {
          const status = await handle.progress();
          return status !== null && isThere(status) ? status : null;
        },
        { timeout: 30_000, interval: 50 },
      );
      statuses.push(found);
    };
    const tuneReference = async (input: TuneReferenceInput) => {
      if (Context.current().info.attempt === 1) {
        Context.current().heartbeat({ ...checkpoint, rowsPerSecond: 17.5, training });
        await seen(({ working }) => working.get('warmup')?.rowsPerSecond !== undefined);
        throw new Error('the process is gone');
      }
      await seen(({ retryCount }) => retryCount === 1);
      return honestCompute({ shardCount: 1 }).tuneReference(input);
    };
    const fakes = fakeActivities({ shardCount: 1 }, { tuneReference });
    await server().play(fakes, async () =>
      (await start(server().client, 'curves', { config: ALONE, until: 'warmup' })).result(),
    );
    const [first, second] = statuses as [RunStatus, RunStatus];
    expect(first.working.get('warmup')).toMatchObject({
      doneCount: 3,
      totalCount: 12,
      shares: [0.25],
      rowsPerSecond: 17.5,
      pacedCount: 1,
      workers: [expect.any(String)],
    });
    expect(second.failures).toEqual(['warmup: attempt 2, after: the process is gone']);
    for (const { trainings } of [first, second]) expect(trainings).toEqual([{ ...training, stepCount: 12 }]);
  });
});
