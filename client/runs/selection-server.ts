// One embedded server for selections that follow one another: started by the first, ended by whoever opened it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Runtime } from '../cluster/runtime.ts';
import { openRunLog } from '../terminal/run-log.ts';
import { LOG_FILE } from './run-folder.ts';

/** A server that has died is up again within this, or is replaced. */
const ANSWER_MS = 10_000;

interface Opened {
  folder: string;
  runtime: Runtime;
}

/** The server, with a worker of light activities. One that has died and does not come back is replaced. */
export class SelectionServer {
  #opened: Promise<Opened> | null = null;
  #isClosed = false;

  /** The server, started where there is none. It stays open. */
  async runtime(): Promise<Runtime> {
    if (this.#isClosed) throw new Error('select: the server must be open, got it closed');
    const known = await this.#opened;
    if (known !== null && (await answers(known.runtime))) return known.runtime;
    if (known !== null) await this.#end();
    this.#opened ??= open();
    const own = this.#opened;
    own.catch(() => (this.#opened = this.#opened === own ? null : this.#opened));
    return (await own).runtime;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#end();
  }

  async #end(): Promise<void> {
    const opened = await this.#opened?.catch(() => null);
    this.#opened = null;
    if (!opened) return;
    // What is wrong with a server that has died is no matter any more.
    await opened.runtime.close().catch(() => undefined);
    await rm(opened.folder, { recursive: true, force: true });
  }
}

async function open(): Promise<Opened> {
  const { openRuntime } = await import('../cluster/runtime.ts');
  const folder = await mkdtemp(join(tmpdir(), 'tive-selections-'));
  try {
    const runtime = await openRuntime({
      address: null,
      databasePath: join(folder, 'temporal.db'),
      isFresh: true,
      processCount: 0,
      log: openRunLog(join(folder, LOG_FILE), {}),
      say: (text) => void process.stderr.write(`${text}\n`),
    });
    return { folder, runtime };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Whether the server takes questions and its worker asks for work. */
async function answers({ client }: Runtime): Promise<boolean> {
  const { namespace } = client.options;
  const asked = client.withDeadline(Date.now() + ANSWER_MS, () =>
    client.workflowService.describeNamespace({ namespace }),
  );
  return asked.then(
    () => true,
    () => false,
  );
}
