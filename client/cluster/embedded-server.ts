// The Temporal development server as a process of the command's own.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
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

/** A server that ends by itself is started again after this, but not one that ends so soon each time. */
const RESTART_MS = 200;
const HEALTHY_MS = 5000;
const MAX_QUICK_ENDS = 5;

/**
 * Starts `temporal server start-dev` on loopback with its database in a file, and starts it again on that database if
 * it dies: clients and workers connect again by themselves.
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
  const server = new ServerProcess([program, ...serverArguments(port, uiPort, databasePath)]);
  server.start();
  await waitForPort(port);
  return {
    address: `127.0.0.1:${port}`,
    uiUrl: uiPort === null ? null : `http://127.0.0.1:${uiPort}`,
    stop: () => server.stop(),
  };
}

function serverArguments(port: number, uiPort: number | null, databasePath: string): string[] {
  const ui = uiPort === null ? ['--headless'] : ['--ui-port', String(uiPort)];
  const place = ['--ip', '127.0.0.1', '--port', String(port), '--db-filename', databasePath];
  return ['server', 'start-dev', ...place, '--log-level', 'never', ...ui];
}

/** Ends with the server, or with the end of standard input, which ends the server. */
const SCRIPT =
  'exec 3<&0; "$0" "$@" >/dev/null 2>&1 & server=$!; (cat <&3 >/dev/null; kill $server) 2>/dev/null & wait $server';

/** The server's process, which is started again as long as nobody stops it. */
class ServerProcess {
  readonly #command: readonly string[];
  #shell: ChildProcess | null = null;
  #stopping = false;
  #quickEnds = 0;

  constructor(command: readonly string[]) {
    this.#command = command;
  }

  start(): void {
    const startedAt = Date.now();
    // A process group of its own: Ctrl-C in a terminal is for the command, which then stops the server in order.
    const options = { stdio: ['pipe', 'ignore', 'ignore'] as ['pipe', 'ignore', 'ignore'], detached: true };
    const shell = spawn('sh', ['-c', SCRIPT, ...this.#command], options);
    this.#shell = shell;
    shell.once('exit', () => {
      shell.stdin.destroy();
      this.#quickEnds = Date.now() - startedAt < HEALTHY_MS ? this.#quickEnds + 1 : 0;
      if (this.#stopping || this.#quickEnds > MAX_QUICK_ENDS) return;
      setTimeout(() => {
        if (!this.#stopping) this.start();
      }, RESTART_MS);
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const shell = this.#shell;
    if (shell === null || shell.exitCode !== null || shell.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => shell.once('exit', () => resolve()));
    shell.stdin?.end();
    await ended;
  }
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
