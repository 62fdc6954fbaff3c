import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test, vi } from 'vitest';
import { startEmbeddedServer } from '../../../client/cluster/embedded-server.ts';
import { joinEmbedded } from '../../../client/cluster/runtime.ts';
import type { Runtime } from '../../../client/cluster/runtime.ts';
import { prepareTemporal } from '../../../setup/temporal.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-closable-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Longest time that a first retry waits, with its jitter, many times over. */
const RETRY_MS = 2000;

test('a connection that closes while a call waits to be tried again ends the call, and not the process', async () => {
  const { path } = await prepareTemporal(() => undefined);
  const server = await startEmbeddedServer({ program: path, databasePath: join(folder, 'temporal.db'), withUi: false });
  let runtime: Runtime | null = null;
  await vi.waitFor(async () => (runtime = await joinEmbedded(server.address)), { timeout: 60_000, interval: 200 });
  const { client, close } = runtime as unknown as Runtime;
  await vi.waitFor(async () => client.workflowService.describeNamespace({ namespace: 'default' }), {
    timeout: 60_000,
    interval: 200,
  });
  await server.stop();
  const uncaught: unknown[] = [];
  const listener = (error: unknown): void => void uncaught.push(error);
  process.on('uncaughtException', listener);
  try {
    const calls = Array.from({ length: 20 }, async () =>
      client.workflow
        .getHandle('none')
        .describe()
        .catch((error: Error) => error),
    );
    // Some of them have failed once by then, and wait.
    await sleep(50);
    await close();
    for (const outcome of await Promise.all(calls)) expect(outcome).toBeInstanceOf(Error);
    await sleep(RETRY_MS);
    expect(uncaught).toEqual([]);
  } finally {
    process.off('uncaughtException', listener);
  }
}, 180_000);
