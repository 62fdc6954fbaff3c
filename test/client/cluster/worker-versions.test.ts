import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connectServer } from '../../../client/cluster/runtime.ts';
import { findRun } from '../../../client/runs/runs.ts';
import { Component } from '../../chaos/component.ts';
import { startServer } from '../../operations/live.ts';
import { writeSmallDataset } from '../small-dataset.ts';
import { tive } from '../in-process.ts';
import { tiveProcess } from '../tive-process.ts';

const DEPLOYMENT = 'tive';

test.each([
  ['--deployment', 'tive'],
  ['--build-id', 'a'],
  ['--deployment', 'my.tive', '--build-id', 'a'],
])('worker %s %s is refused', async (...options) => {
  const { exitCode, stderr } = await tive(tmpdir(), 'worker', 'control', ...options);
  expect(stderr).toMatch(/^worker: --deployment, a name without dots, and --build-id go together, got/);
  expect(exitCode).toBe(2);
});

/** As an operator does with `temporal worker deployment set-current-version`, once the version's workers are there. */
async function setCurrent(client: Client, buildId: string): Promise<void> {
  await vi.waitFor(
    () =>
      client.workflowService.setWorkerDeploymentCurrentVersion({
        namespace: 'default',
        deploymentName: DEPLOYMENT,
        buildId,
        identity: 'test',
      }),
    { timeout: 60_000, interval: 500 },
  );
}

/** Versions whose workers finished activities of the run, by the log of the workers. */
const finishedBy = (workers: readonly Component[], run: string): string[] =>
  workers.filter((worker) => worker.log().includes(`"run":"${run}"`)).map(({ name }) => name);

test(
  'a run ends on the version that began it, while new runs go to the current one',
  { timeout: 240_000 },
  async ({ skip }) => {
    const folder = mkdtempSync(join(tmpdir(), 'tive-versions-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const { server, refusal } = await startServer(folder);
    if (server === null) return skip(refusal);
    onTestFinished(() => server.stop());
    const { address } = server;
    const { client, close } = await connectServer({ address, namespace: null });
    onTestFinished(close);
    const workers: Component[] = [];
    const start = (buildId: string): void => {
      for (const kind of ['control', 'compute']) {
        const args = ['worker', kind, '--address', address, '--deployment', DEPLOYMENT, '--build-id', buildId];
        const more = kind === 'compute' ? ['--processes', '1'] : [];
        const worker = new Component(join(folder, `${kind}-${buildId}`), `${kind}-${buildId}`, [...args, ...more], {});
        worker.start();
        workers.push(worker);
        onTestFinished(() => worker.stop());
      }
    };
    writeSmallDataset(folder);
    const words = (name: string, setting: string): string[] => {
      return ['run', 'recipe.yaml', `run.name=${name}`, setting, '--until', 'selection', '--address', address];
    };

    start('a');
    await setCurrent(client, 'a');
    const long = tiveProcess(folder, ...words('long', 'warmup.epochs=100'));
    await vi.waitFor(
      async () => expect((await (await findRun(client, 'long')).progress())?.working.get('warmup')).toBeDefined(),
      { timeout: 60_000, interval: 100 },
    );
    start('b');
    await setCurrent(client, 'b');
    const short = await tive(folder, ...words('short', 'run.seed=5'));
    expect(short.exitCode, short.stderr).toBe(0);
    const ended = await long;
    expect(ended.exitCode, ended.stderr).toBe(0);
    await sleep(500);
    expect(finishedBy(workers, 'long')).toEqual(['control-a', 'compute-a']);
    expect(finishedBy(workers, 'short')).toEqual(['control-b', 'compute-b']);
  },
);
