// Waits for a stage of a run that goes on in a command of its own.
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { joinEmbedded } from '../../../client/cluster/runtime.ts';
import { namedRun } from '../../../client/runs/find-run.ts';
import { findRun } from '../../../client/runs/runs.ts';
import type { Stage } from '../../../contracts/stages.ts';

/** A run that goes on in a command of its own. */
export interface WatchedRun {
  /** Waits until a stage has work in progress. */
  reach(stage: Stage): Promise<void>;
  /** Waits until a stage has begun, however short it is. */
  begin(stage: Stage): Promise<void>;
  close(): Promise<void>;
}

/** Watches the run `small` on the command's embedded server. */
export async function watchRun(folder: string): Promise<WatchedRun> {
  const address = await vi.waitFor(
    async () => {
      const run = await namedRun('small', join(folder, 'runs'));
      expect(run.address).not.toBeNull();
      // A command that is given again has its server at another address than the one before.
      const [host, port] = run.address!.split(':');
      const socket = connect(Number(port), host);
      await once(socket, 'connect').finally(() => socket.destroy());
      return run.address!;
    },
    { timeout: 60_000, interval: 50 },
  );
  const runtime = await joinEmbedded(address);
  return {
    close: () => runtime.close(),
    begin: async (stage) => {
      await vi.waitFor(
        async () => {
          const status = await (await findRun(runtime.client, 'small')).progress();
          const found = status?.stages.find((candidate) => candidate.stage === stage);
          expect(found?.startedAtMs).toEqual(expect.any(Number));
        },
        { timeout: 120_000, interval: 20 },
      );
    },
    reach: async (stage) => {
      await vi.waitFor(
        async () => {
          const status = await (await findRun(runtime.client, 'small')).progress();
          expect(status?.working.get(stage)).toBeDefined();
        },
        { timeout: 120_000, interval: 20 },
      );
    },
  };
}

/** Waits until a stage of the run `small` has work in progress on the command's embedded server. */
export async function reach(folder: string, stage: Stage): Promise<void> {
  const run = await watchRun(folder);
  try {
    await run.reach(stage);
  } finally {
    await run.close();
  }
}
