// Runs that no folder of this machine knows: those of a cluster, and those whose results a store keeps.
import type { NamedRun } from '../../client/runs/find-run.ts';
import { ClusterWatch } from '../../client/runs/cluster-watch.ts';
import type { ClusterRun } from '../../client/runs/cluster-runs.ts';
import { lookAtResult, lookAtRun } from '../../client/runs/look-at-run.ts';
import type { AskedServer, LookedAtRun } from '../../client/runs/look-at-run.ts';
import type { ListedRun } from '../../client/runs/list-runs.ts';
import type { HistoryLine } from '../../client/runs/history-log.ts';
import type { ClusterPlace } from '../../client/runs/run-folder.ts';
import { missingParts } from '../../client/runs/missing-parts.ts';
import { asFoundIn, StoreRuns } from '../../client/runs/store-runs.ts';
import type { StoredRun } from '../../client/runs/store-runs.ts';
import { openStore } from '../../store/open-store.ts';
import { placesWords } from '../api.ts';
import type { AskedPlaces } from '../api.ts';

/** Where a page looks beside its folder. */
export interface Elsewhere {
  cluster?: ClusterPlace | null;
  /** Address of the cluster's own pages; null where it is not known. */
  temporalUi?: string | null;
  /** A folder or `s3://bucket/prefix`. */
  store?: string | null;
}

/** A run of a cluster or a store. */
export type ForeignRun = ClusterRun | StoredRun;

/** How long the list of a store is taken to be as it was: it is read key by key. */
const STORE_MS = 5000;

/** Lists and looks at runs of a cluster and a store. */
export class ForeignRuns {
  readonly #cluster: ClusterWatch | null;
  readonly #store: StoreRuns | null;
  readonly #temporalUi: string | null;
  #stored: Promise<StoredRun[]> = Promise.resolve([]);
  #storedUntilMs = 0;
  #storeProblem: string | null = null;

  constructor({ cluster = null, temporalUi = null, store = null }: Elsewhere = {}) {
    this.#cluster = cluster === null ? null : new ClusterWatch(cluster);
    this.#store = store === null ? null : new StoreRuns(openStore(store));
    this.#temporalUi = temporalUi;
  }

  /** Where it looks, and what keeps it from seeing. */
  places(): AskedPlaces {
    const [cluster, store] = [this.#cluster, this.#store];
    return {
      cluster: cluster && { address: cluster.place.address, problem: cluster.problem },
      store: store && { uri: store.store.uri, problem: this.#storeProblem },
    };
  }

  /** Those of the cluster, then those that the store alone has. */
  async list(): Promise<ForeignRun[]> {
    const onCluster = this.#cluster === null ? [] : await this.#cluster.list();
    const names = new Set(onCluster.map(({ runName }) => runName));
    return [...onCluster, ...(await this.#listStore()).filter(({ runName }) => !names.has(runName))];
  }

  #listStore(): Promise<StoredRun[]> {
    const [store, before] = [this.#store, this.#stored];
    if (store === null || Date.now() < this.#storedUntilMs) return before;
    this.#storedUntilMs = Date.now() + STORE_MS;
    this.#stored = store.list().then(
      (found) => {
        this.#storeProblem = null;
        return found;
      },
      (error: unknown) => {
        this.#storeProblem = error instanceof Error ? error.message : String(error);
        return before;
      },
    );
    return this.#stored;
  }

  async find(runName: string): Promise<ForeignRun | null> {
    return (await this.list()).find((run) => run.runName === runName) ?? null;
  }

  /** All that is looked at, after the page's folder. */
  words(folder: string): string {
    return placesWords(folder, this.places());
  }

  /** What a command needs to find such a run. */
  optionsOf(run: ForeignRun): string[] {
    const { cluster, store } = this.places();
    if (!isOnCluster(run)) return ['--store', store!.uri];
    const { namespace } = this.#cluster!.place;
    return ['--address', cluster!.address, ...(namespace === null ? [] : ['--namespace', namespace])];
  }

  /** Whether what was seen of a run may still hold. */
  keyOf(run: ForeignRun): string {
    return `${run.place} ${isOnCluster(run) ? run.runId : ''} ${run.state} ${run.changedAt}`;
  }

  /** One look; nothing of it is written to this machine. */
  async look(run: ForeignRun, named: NamedRun): Promise<LookedAtRun> {
    if (!isOnCluster(run)) return lookAtResult(run.result);
    const found = await lookAtRun(named, await this.asked());
    if (found.result === null) return found;
    const result = await asFoundIn(this.#store?.store ?? null, found.result);
    return { ...found, result, notes: [...found.notes, ...(await missingParts(result))] };
  }

  /** The connection by which the cluster is asked. */
  async asked(): Promise<AskedServer> {
    const { address, namespace } = this.#cluster!.place;
    const connection = await this.#cluster!.connection();
    return { address, namespace: namespace ?? undefined, connection, onlyLooks: true };
  }

  /** What the history of a run tells, the newest last; nothing of a run of a store. */
  async log(run: ForeignRun): Promise<HistoryLine[]> {
    if (!isOnCluster(run)) return [];
    const { readHistoryLog } = await import('../../client/runs/history-log.ts');
    return readHistoryLog((await this.#cluster!.connection()).client, run.workflowId);
  }

  /**
   * Temporal's own page of a workflow; null where nobody knows it.
   * @param place server that it is on; null = the one that was asked
   */
  async temporalUrl(workflowId: string, place: string | null): Promise<string | null> {
    if (this.#cluster === null) return null;
    const { address } = this.#cluster.place;
    if (place !== null && place !== address) return null;
    const base = this.#temporalUi ?? (/\.tmprl\.cloud(:\d+)?$/.test(address) ? 'https://cloud.temporal.io' : null);
    if (base === null) return null;
    const { client } = await this.#cluster.connection();
    const [namespace, id] = [client.options.namespace, workflowId].map(encodeURIComponent);
    return `${base.replace(/\/+$/, '')}/namespaces/${namespace}/workflows/${id}`;
  }

  /** What was seen holds no longer. */
  changed(): void {
    this.#cluster?.changed();
    this.#storedUntilMs = 0;
  }

  async close(): Promise<void> {
    await this.#cluster?.close();
  }
}

/** Whether a cluster was asked for it. */
export function isOnCluster(run: ForeignRun | ListedRun): run is ClusterRun {
  return run.place === 'cluster';
}
