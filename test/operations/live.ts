import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { vi } from 'vitest';
import { startEmbeddedServer } from '../../client/cluster/embedded-server.ts';
import type { EmbeddedServer } from '../../client/cluster/embedded-server.ts';
import { prepareTemporal } from '../../setup/temporal.ts';
import type { Finished, TiveProcess } from '../client/tive-process.ts';

/** A development server, or in words why there is none. */
export type LiveServer = { server: EmbeddedServer; refusal: null } | { server: null; refusal: string };

/** Starts a development server with its database in the folder. */
export async function startServer(folder: string): Promise<LiveServer> {
  const program = await prepareTemporal(() => undefined).catch((error: Error) => error);
  if (program instanceof Error) return { server: null, refusal: program.message };
  return {
    server: await startEmbeddedServer({
      program: program.path,
      databasePath: join(folder, 'temporal.db'),
      withUi: false,
      isFresh: true,
    }),
    refusal: null,
  };
}

/** First of `count` neighbouring ports that are free. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const start = await listenOnce(0);
    const next = Array.from({ length: count - 1 }, (_, index) => start + 1 + index);
    const isFree = await Promise.all(
      next.map((port) =>
        listenOnce(port).then(
          () => true,
          () => false,
        ),
      ),
    );
    if (!isFree.includes(false)) return start;
  }
}

/** Listens once on the port, or on a free one for 0, and tells which it was. */
function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

const ACTIVITY_QUEUE = 2;

/** Waits until so many workers poll the queue for activities. */
export async function untilPolled(address: string, queue: string, workerCount: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const connection = await Connection.connect({ address });
      try {
        const { pollers } = await new Client({ connection }).workflowService.describeTaskQueue({
          namespace: 'default',
          taskQueue: { name: queue },
          taskQueueType: ACTIVITY_QUEUE,
        });
        if (pollers.length < workerCount)
          throw new Error(`${queue}: ${workerCount} workers must poll, got ${pollers.length}`);
      } finally {
        await connection.close();
      }
    },
    { timeout: 60_000, interval: 200 },
  );
}

/** Stops a command by SIGTERM and waits for its end. */
export async function terminate(command: TiveProcess): Promise<Finished> {
  command.child.kill('SIGTERM');
  return command.finished;
}
