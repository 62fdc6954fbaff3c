// The runs of a cluster and of this machine.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunResult } from '../../contracts/messages/run.ts';
import { namedRun } from './find-run.ts';

/** A run as a line of a list. */
export interface ListedRun {
  runName: string;
  /** `running`: a command on this machine is at it. `stopped`: it has no result yet. */
  state: 'running' | 'done' | 'stopped';
  /** Last stage that is done. */
  stage: string | null;
  rowCount: number | null;
  selectedCount: number | null;
  method: string | null;
  /** When its folder was last written to, ISO 8601. */
  changedAt: string;
}

/** Runs below a folder, the newest first. */
export async function listRuns(runsFolder: string): Promise<ListedRun[]> {
  const entries = await readdir(runsFolder, { withFileTypes: true }).catch(() => []);
  const runs: ListedRun[] = [];
  for (const { name } of entries.filter((entry) => entry.isDirectory())) {
    const { folder, address } = await namedRun(join(runsFolder, name, '.'), runsFolder);
    const result = await folder.result().catch(() => null);
    const found = await stat(join(folder.path, 'recipe.resolved.yaml')).catch(() => null);
    // A folder without either is no run's.
    if (found === null && result === null) continue;
    const written = await stat(join(folder.path, result === null ? 'recipe.resolved.yaml' : 'result.json'));
    runs.push({
      runName: name,
      state: address !== null ? 'running' : result === null ? 'stopped' : 'done',
      ...factsOf(result),
      changedAt: written.mtime.toISOString(),
    });
  }
  return runs.sort((left, right) => right.changedAt.localeCompare(left.changedAt));
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
