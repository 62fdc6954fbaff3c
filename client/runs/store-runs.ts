// The results that a store keeps of runs by their names.
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { LastRun, RunResult } from '../../contracts/messages/run.ts';
import { MANIFEST_NAME } from '../../store/artifacts.ts';
import { LAST_FILE, RESULT_FILE, RUNS_AREA } from '../../store/run-records.ts';
import { hasScheme, openStore } from '../../store/open-store.ts';
import type { Store, StoredFile } from '../../store/store.ts';
import { readSealed } from '../../store/verified.ts';
import { factsOf } from './list-runs.ts';
import type { ListedRun } from './list-runs.ts';

/** A run in a store. */
export interface StoredRun extends ListedRun {
  result: RunResult;
}

/**
 * A store that is there: nothing is made by looking.
 * @throws InvalidConfigError for a folder that does not exist, or a bucket that does not answer
 */
export async function requireStore(uri: string): Promise<Store> {
  if (hasScheme(uri)) {
    const store = openStore(uri);
    await store.entries(RUNS_AREA);
    return store;
  }
  if (!(await stat(uri).catch(() => null))?.isDirectory())
    throw new InvalidConfigError(`--store: must be a folder that exists, or s3://bucket/prefix, got "${uri}"`);
  return openStore(resolve(uri));
}

/** What a store keeps of a run: one file each, that of the run itself before that of its schedule. */
async function recordsOf(store: Store, runName: string | null = null): Promise<Map<string, StoredFile>> {
  const found = new Map<string, StoredFile>();
  for (const file of await store.entries(runName === null ? RUNS_AREA : `${RUNS_AREA}/${runName}`)) {
    const [, name = '', kind, ...rest] = file.key.split('/');
    if (rest.length > 0 || (kind !== RESULT_FILE && kind !== LAST_FILE)) continue;
    if (kind === RESULT_FILE || !found.has(name)) found.set(name, file);
  }
  return found;
}

/** A record that was damaged tells nothing. */
async function resultIn(store: Store, { key }: StoredFile): Promise<RunResult | null> {
  const value = await readSealed(store, key);
  if (value === null) return null;
  const result = key.endsWith(`/${LAST_FILE}`) ? (value as LastRun).result : (value as RunResult);
  return inStore(result, store);
}

/** When its last stage has ended, which its record's file may be younger than; null where its stages do not say. */
function endOf({ stages }: RunResult): number | null {
  const ends = stages.flatMap(({ startedAtMs, durationMs }) =>
    startedAtMs === null ? [] : [startedAtMs + (durationMs ?? 0)],
  );
  return ends.length === 0 ? null : Math.max(...ends);
}

/** Another machine may have the store by another address. */
function inStore(result: RunResult, { uri }: Store): RunResult {
  return { ...result, config: { ...result.config, store: { ...result.config.store, uri } } };
}

/** A result of a cluster as it is read here: out of the store that was asked for, where that has its rows. */
export async function asFoundIn(store: Store | null, result: RunResult): Promise<RunResult> {
  if (store === null || result.dataset === null) return result;
  const manifest = `${result.dataset.rows.uri}/${MANIFEST_NAME}`;
  return (await store.size(manifest).catch(() => null)) === null ? result : inStore(result, store);
}

/** A result of another place as commands of this one go on from it: what is made of it lies here. */
export function atHome(result: RunResult, runsFolder: string): RunResult {
  const { config } = result;
  return { ...result, config: { ...config, run: { ...config.run, outputDir: runsFolder } } };
}

/** What a store keeps of a run; null where it has nothing of the name. */
export async function storedResult(store: Store, runName: string): Promise<RunResult | null> {
  const file = (await recordsOf(store, runName)).get(runName);
  return file === undefined ? null : resultIn(store, file);
}

/** Lists the runs of a store. What has not been written anew is not read again. */
export class StoreRuns {
  readonly store: Store;
  readonly #known = new Map<string, { key: string; run: StoredRun | null }>();

  constructor(store: Store) {
    this.store = store;
  }

  /** The newest first. */
  async list(): Promise<StoredRun[]> {
    const found: StoredRun[] = [];
    for (const [runName, file] of await recordsOf(this.store)) {
      const run = await this.#read(runName, file);
      if (run !== null) found.push(run);
    }
    return found.sort((left, right) => right.changedAt.localeCompare(left.changedAt));
  }

  async #read(runName: string, file: StoredFile): Promise<StoredRun | null> {
    const key = `${file.key} ${file.modifiedMs} ${file.byteCount}`;
    const known = this.#known.get(runName);
    if (known?.key === key) return known.run;
    const result = await resultIn(this.store, file);
    const changedAt = new Date((result && endOf(result)) ?? file.modifiedMs).toISOString();
    const run: StoredRun | null =
      result === null ? null : { runName, place: 'store', state: 'done', ...factsOf(result), changedAt, result };
    this.#known.set(runName, { key, run });
    return run;
  }
}
