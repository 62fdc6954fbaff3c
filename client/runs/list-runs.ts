// The runs of a cluster and of this machine.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunResult } from '../../contracts/messages/run.ts';
import { seenBenchmark } from './benchmark-folder.ts';
import { namedRun } from './find-run.ts';
import type { NamedRun } from './find-run.ts';

/** A run as a line of a list. */
export interface ListedRun {
  runName: string;
  /**
   * `running`: a command on this machine or a cluster is at it. `stopped`: it has no result yet. `failed`: it ended
   * without one. `away`: its cluster does not answer.
   */
  state: 'running' | 'done' | 'stopped' | 'failed' | 'away';
  /** Last stage that is done. */
  stage: string | null;
  rowCount: number | null;
  selectedCount: number | null;
  method: string | null;
  /** When its folder was last written to, ISO 8601. */
  changedAt: string;
}

/** Runs below a folder, the newest first. Clusters are asked for those that have no result here. */
export async function listRuns(runsFolder: string): Promise<ListedRun[]> {
  const entries = await readdir(runsFolder, { withFileTypes: true }).catch(() => []);
  const runs: ListedRun[] = [];
  const away = new Set<string>();
  for (const { name } of entries.filter((entry) => entry.isDirectory())) {
    const named = await namedRun(join(runsFolder, name, '.'), runsFolder);
    const listed = await listRun(named, await named.folder.result().catch(() => null), away);
    if (listed !== null) runs.push(listed);
  }
  return runs.sort((left, right) => right.changedAt.localeCompare(left.changedAt));
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
  return { runName, state, ...factsOf(result), changedAt: written.mtime.toISOString() };
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

function factsOf(result: RunResult | null): Omit<ListedRun, 'runName' | 'state' | 'changedAt'> {
  const last = result?.stages.findLast(({ state }) => state === 'done' || state === 'cached');
  const [first = null] = result?.methods ?? [];
  return {
    stage: last?.stage ?? null,
    rowCount: result?.dataset?.rowCount ?? null,
    selectedCount: first?.selection?.rowCount ?? null,
    method: first?.method ?? null,
  };
}
