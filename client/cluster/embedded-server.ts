// The Temporal development server as a process of the command's own.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { databaseDamage, removeDatabase, setDatabaseAside } from './server-database.ts';

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
const POLL_MS = 25;

/** A server that ends by itself is started again after this, but not one that ends so soon each time. */
const RESTART_MS = 200;
const HEALTHY_MS = 5000;
const MAX_QUICK_ENDS = 5;

/** What an embedded server is started with. */
export interface ServerOptions {
  /** The binary `temporal`. */
  program: string;
  databasePath: string;
  /** Whether it serves Temporal's own pages. */
  withUi: boolean;
  /** Port of these pages; null = 8233, or any other one where that is taken. */
  uiPort?: number | null;
  /** Whether nothing in the database is needed: whoever starts it takes what was done from a store. */
  isFresh?: boolean;
  say?: (text: string) => void;
}

/**
 * Starts `temporal server start-dev` on loopback with its database in a file, and starts it again on that database if
 * it dies: clients and workers connect again by themselves. A damaged database is renamed and named.
 *
 * The server runs under a shell that waits for the end of its standard input, so it ends with this process however that
 * ends, `kill -9` included, and never holds the database of the next command.
 */
export async function startEmbeddedServer(options: ServerOptions): Promise<EmbeddedServer> {
  const { program, databasePath, withUi, isFresh = false, say = () => undefined } = options;
  // Its database tells what the run is about.
  await mkdir(dirname(databasePath), { recursive: true, mode: 0o700 });
  const damage = await databaseDamage(databasePath);
  if (damage !== null) say(asideText(databasePath, damage, await setDatabaseAside(databasePath)));
  const port = await freePort();
  const uiPort = withUi ? await uiPortOf(options.uiPort ?? null) : null;
  const command = [program, ...serverArguments(port, uiPort, databasePath)];
  // A server that ends in order takes a second for it, which nobody needs whose database nobody needs.
  const signal = isFresh ? 'KILL' : 'TERM';
  const server = new ServerProcess(command, signal, isFresh ? databasePath : null);
  const failed = await server.untilServing(port);
  if (failed !== null && !isFresh && DATABASE_WORDS.test(failed)) {
    say(asideText(databasePath, failed, await setDatabaseAside(databasePath)));
    const again = new ServerProcess(command, signal, databasePath);
    return served(again, await again.untilServing(port), port, uiPort);
  }
  return served(server, failed, port, uiPort);
}

/** What the server says of a database that it cannot use. */
const DATABASE_WORDS = /sqlite|sql logic error|no such table|database disk image|not a database/i;

function asideText(path: string, got: string, target: string): string {
  return `${path}: must be the database of an earlier server, got ${got}; it is now ${target}, the run goes on from its store`;
}

function served(server: ServerProcess, failed: string | null, port: number, uiPort: number | null): EmbeddedServer {
  if (failed !== null)
    throw new Error(
      `temporal: the embedded server must answer within ${START_TIMEOUT_MS / 1000} s, got ${failed} on port ${port}`,
    );
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

/** Ends with the server, or with the end of standard input, which ends the server. What it writes is its owner's. */
const script = (signal: 'TERM' | 'KILL'): string =>
  'umask 077; exec 3<&0 4>&2 2>/dev/null; "$0" "$@" >/dev/null 2>&4 & server=$!; ' +
  `(cat <&3 >/dev/null; kill -${signal} $server) & wait $server`;

/** Of what the server says as it ends so much is kept. */
const MOST_WORDS = 2000;

/** The server's process, which is started again as long as nobody stops it. */
class ServerProcess {
  readonly #script: readonly string[];
  readonly #unneeded: string | null;
  #shell: ChildProcess | null = null;
  #stopping = false;
  #serving = false;
  #quickEnds = 0;
  #words = '';

  /**
   * @param signal ends the server
   * @param unneeded database that is removed before each start, until the server has served for the first time
   */
  constructor(command: readonly string[], signal: 'TERM' | 'KILL', unneeded: string | null) {
    this.#script = ['-c', script(signal), ...command];
    this.#unneeded = unneeded;
  }

  /**
   * Starts the server and waits until it takes connections.
   * @returns why it does not, in words; null where it does
   */
  async untilServing(port: number): Promise<string | null> {
    await this.#start();
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await answers(`127.0.0.1:${port}`))) {
      const words = this.#words.trim();
      const isGivenUp = this.#quickEnds > MAX_QUICK_ENDS;
      const hasEnded = words !== '' && this.#quickEnds > 0;
      if (!hasEnded && !isGivenUp && Date.now() < deadline) {
        await sleep(POLL_MS);
        continue;
      }
      await this.stop();
      if (!hasEnded) return isGivenUp ? `its end ${this.#quickEnds} times` : 'nothing';
      return JSON.stringify(words.replace(/^Error: /, ''));
    }
    this.#serving = true;
    return null;
  }

  async #start(): Promise<void> {
    if (!this.#serving && this.#unneeded !== null) await removeDatabase(this.#unneeded);
    const startedAt = Date.now();
    // A process group of its own: Ctrl-C in a terminal is for the command, which then stops the server in order.
    const shell = spawn('sh', this.#script, { stdio: ['pipe', 'ignore', 'pipe'], detached: true });
    this.#shell = shell;
    // Words of a server that ends by itself; one that is killed says nothing.
    shell.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (!this.#serving) this.#words = (this.#words + text).slice(-MOST_WORDS);
    });
    shell.once('exit', () => {
      shell.stdin.destroy();
      this.#quickEnds = Date.now() - startedAt < HEALTHY_MS ? this.#quickEnds + 1 : 0;
      if (this.#stopping || this.#quickEnds > MAX_QUICK_ENDS) return;
      setTimeout(() => {
        if (!this.#stopping) void this.#start();
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

/** Where Temporal's own pages are expected. */
const UI_PORT = 8233;

/** The wanted port; without one the usual port, or a free one where another server has that. */
async function uiPortOf(wanted: number | null): Promise<number> {
  return wanted ?? freePort(UI_PORT).catch(() => freePort());
}

async function freePort(wanted = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** Whether something takes connections at `host:port`. */
export function answers(address: string): Promise<boolean> {
  const { hostname, port } = new URL(`tcp://${address}`);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
