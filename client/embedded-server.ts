import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A Temporal server that belongs to this process. */
export interface EmbeddedServer {
  /** host:port. */
  address: string;
  /** Address of Temporal's own web UI, or null where it is off. */
  uiUrl: string | null;
  stop(): Promise<void>;
}

/** A server that does not answer within this has failed. */
const START_TIMEOUT_MS = 30_000;
const POLL_MS = 100;

/**
 * Starts `temporal server start-dev` on loopback with its database in a file.
 *
 * The server runs under a shell that waits for the end of its standard input, so it ends with this process however that
 * ends, `kill -9` included, and never holds the database of the next command.
 */
export async function startEmbeddedServer(
  program: string,
  databasePath: string,
  withUi: boolean,
): Promise<EmbeddedServer> {
  await mkdir(dirname(databasePath), { recursive: true });
  const port = await freePort();
  const uiPort = withUi ? await freePort() : null;
  const options = [
    'server',
    'start-dev',
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--log-level',
    'never',
    '--db-filename',
    databasePath,
  ];
  const ui = uiPort === null ? ['--headless'] : ['--ui-port', String(uiPort)];
  const script = '"$0" "$@" >/dev/null 2>&1 & server=$!; cat >/dev/null; kill $server; wait $server';
  // A process group of its own: Ctrl-C in a terminal is for the command, which then stops the server in order.
  const shell = spawn('sh', ['-c', script, program, ...options, ...ui], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const ended = new Promise<void>((resolve) => shell.once('exit', () => resolve()));
  await waitForPort(port);
  return {
    address: `127.0.0.1:${port}`,
    uiUrl: uiPort === null ? null : `http://127.0.0.1:${uiPort}`,
    stop: async () => {
      shell.stdin.end();
      await ended;
    },
  };
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function waitForPort(port: number): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await answers(port))) {
    if (Date.now() > deadline)
      throw new Error(
        `temporal: the embedded server must answer within ${START_TIMEOUT_MS / 1000} s, got nothing on port ${port}`,
      );
    await sleep(POLL_MS);
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
