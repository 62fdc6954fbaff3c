// The runs of a cluster and of this machine.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunResult } from '../../contracts/messages/run.ts';
import { seenBenchmark } from './benchmark-folder.ts';
import { namedRun } from './find-run.ts';
import type { NamedRun } from './find-run.ts';
import type { AskedServer } from './look-at-run.ts';
import { datasetName } from './recipe-mark.ts';

/** A run as a line of a list. */
export interface ListedRun {
  runName: string;
  /** Where it was found: in a folder of this machine, or where one was asked for it. */
  place: 'folder' | 'cluster' | 'store';
  /**
   * `running`: a command on this machine or a cluster is at it. `stopped`: it has no result yet. `failed`: it ended
   * without one. `away`: its cluster does not answer.
   */
  state: 'running' | 'done' | 'stopped' | 'failed' | 'away';
  /** Last stage that is done. */
  stage: string | null;
  rowCount: number | null;
  selectedCount: number | null;
  /** What it selects from, as lists name it. */
  dataset: string | null;
  method: string | null;
  /** When its folder was last written to, or its workflow began or ended, ISO 8601. */
  changedAt: string;
}

/**
 * Runs below a folder, and those of the cluster and the store that were asked which no folder here knows; the newest
 * first. Clusters that folders name are asked for runs that have no result here.
 */
export async function listRuns(runsFolder: string, asked: AskedServer = {}): Promise<ListedRun[]> {
  const found = await listFolder(runsFolder);
  for (const others of [await listCluster(asked), await listStore(asked)]) {
    const known = new Set(found.map(({ runName }) => runName));
    found.push(...others.filter(({ runName }) => !known.has(runName)));
  }
  return found.sort((left, right) => right.changedAt.localeCompare(left.changedAt));
}

async function listCluster({ address, namespace }: AskedServer): Promise<ListedRun[]> {
  if (address === undefined) return [];
  const { connectServer } = await import('../cluster/runtime.ts');
  const { listClusterRuns } = await import('./cluster-runs.ts');
  const runtime = await connectServer({ address, namespace: namespace ?? null });
  try {
    return await listClusterRuns(runtime.client);
  } finally {
    await runtime.close();
  }
}

async function listStore({ store: uri }: AskedServer): Promise<ListedRun[]> {
  if (uri === undefined) return [];
  const { requireStore, StoreRuns } = await import('./store-runs.ts');
  const stored = await new StoreRuns(await requireStore(uri)).list();
  // Lists as JSON are read by people: a whole result is in none of them.
  return stored.map((run): ListedRun & { result?: undefined } => ({ ...run, result: undefined }));
}

async function listFolder(runsFolder: string): Promise<ListedRun[]> {
  const entries = await readdir(runsFolder, { withFileTypes: true }).catch(() => []);
  const runs: ListedRun[] = [];
  const away = new Set<string>();
  for (const { name } of entries.filter((entry) => entry.isDirectory())) {
    const named = await namedRun(join(runsFolder, name, '.'), runsFolder);
    const listed = await listRun(named, await named.folder.result().catch(() => null), away);
    if (listed !== null) runs.push(listed);
  }
  return runs;
}

/**
 * A run as a line of a list; null for a folder that is no run's.
 * @param result what is in its folder
 * @param away clusters that have not answered, which are asked once
 */
export async function listRun(named: NamedRun, result: RunResult | null, away: Set<string>): Promise<ListedRun | null> {
  const { folder, runName } = named;
  const found = await stat(join(folder.path, 'recipe.resolved.yaml')).catch(() => null);
  if (found === null && result === null) return null;
  const written = await stat(join(folder.path, result === null ? 'recipe.resolved.yaml' : 'result.json'));
  const state = await stateOf(named, result, away);
  return { runName, place: 'folder', state, ...factsOf(result), changedAt: written.mtime.toISOString() };
}

/** @param away clusters that have not answered, which are asked once */
async function stateOf(named: NamedRun, result: RunResult | null, away: Set<string>): Promise<ListedRun['state']> {
  if (named.address !== null) return 'running';
  if (result !== null || (await isFinishedBenchmark(named))) return 'done';
  const cluster = await named.folder.cluster();
  if (cluster === null) return ((await named.folder.progress())?.reason ?? null) === null ? 'stopped' : 'failed';
  if (away.has(cluster.address)) return 'away';
  const { stateOnCluster } = await import('./look-at-run.ts');
  const state = await stateOnCluster(named, cluster);
  if (state === 'lost') away.add(cluster.address);
  const words = { running: 'running', completed: 'done', lost: 'away', canceled: 'stopped' } as const;
  return state in words ? words[state as keyof typeof words] : 'failed';
}

async function isFinishedBenchmark({ folder }: NamedRun): Promise<boolean> {
  const { verdict = null } = (await seenBenchmark(folder)) ?? {};
  return verdict !== null;
}

/** What a list says of a result. */
export function factsOf(result: RunResult | null): Omit<ListedRun, 'runName' | 'place' | 'state' | 'changedAt'> {
  const last = result?.stages.findLast(({ state }) => state === 'done' || state === 'cached');
  const [first = null] = result?.methods ?? [];
  return {
    stage: last?.stage ?? null,
    rowCount: result?.dataset?.rowCount ?? null,
    selectedCount: first?.selection?.rowCount ?? null,
    dataset: result === null ? null : datasetName(result.config.dataset.path),
    method: first?.method ?? null,
  };
}
