// A cluster that is looked at again and again: one connection, and at most one list a second.
import type { Runtime } from '../cluster/runtime.ts';
import type { ClusterRun } from './cluster-runs.ts';
import type { ClusterPlace } from './run-folder.ts';

/** How long a list is taken to be as it was. */
const LIST_MS = 1000;

/** How long a list is waited for. */
const ANSWER_MS = 5000;

/** How long nobody asks a cluster that has not answered. */
const AWAY_MS = 5000;

/** Lists the runs of a cluster. One that does not answer is connected to anew. */
export class ClusterWatch {
  readonly place: ClusterPlace;
  /** Why the last question had no answer; null where it had one. */
  problem: string | null = null;
  readonly #connect: (place: ClusterPlace) => Promise<Runtime>;
  #runtime: Promise<Runtime> | null = null;
  #listed: Promise<ClusterRun[]> = Promise.resolve([]);
  #untilMs = 0;

  /** @param connect connects to the cluster */
  constructor(place: ClusterPlace, connect: (place: ClusterPlace) => Promise<Runtime> = connected) {
    this.place = place;
    this.#connect = connect;
  }

  /** The connection, which stays open. @throws InvalidConfigError where the server does not answer */
  async connection(): Promise<Runtime> {
    this.#runtime ??= this.#connect(this.place);
    const own = this.#runtime;
    // The next question connects anew.
    own.catch(() => (this.#runtime = this.#runtime === own ? null : this.#runtime));
    return own;
  }

  /** Runs of the cluster, the newest first; as they were last seen where it does not answer. */
  list(): Promise<ClusterRun[]> {
    if (Date.now() < this.#untilMs) return this.#listed;
    this.#untilMs = Date.now() + LIST_MS;
    const before = this.#listed;
    this.#listed = this.#ask().catch(async (error: unknown) => {
      this.problem = error instanceof Error ? error.message : String(error);
      this.#untilMs = Date.now() + AWAY_MS;
      await this.#disconnect();
      return before;
    });
    return this.#listed;
  }

  /** What was seen holds no longer. */
  changed(): void {
    this.#untilMs = 0;
  }

  async #ask(): Promise<ClusterRun[]> {
    const { client } = await this.connection();
    const { listClusterRuns } = await import('./cluster-runs.ts');
    const found = await client.withDeadline(Date.now() + ANSWER_MS, () => listClusterRuns(client));
    this.problem = null;
    return found;
  }

  async #disconnect(): Promise<void> {
    const runtime = await this.#runtime?.catch(() => null);
    this.#runtime = null;
    await runtime?.close().catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#untilMs = Infinity;
    await this.#disconnect();
  }
}

async function connected(place: ClusterPlace): Promise<Runtime> {
  const { connectServer } = await import('../cluster/runtime.ts');
  return connectServer(place);
}
