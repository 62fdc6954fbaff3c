// A new selection from a finished run's gradient table.
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { allocateBudget } from '../../algorithms/allocate-budget.ts';
import type { Config, SelectionMethod } from '../../contracts/config.ts';
import { withDiskNames } from '../../contracts/disk-names.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { LOG_FILE, runFolderOf } from './run-folder.ts';
import type { RunFolder } from './run-folder.ts';
import { openRunLog } from '../terminal/run-log.ts';
import { changeSelection } from '../recipe/recipe.ts';
import { startReselection } from './runs.ts';
import { checkExcluded } from '../../activities/shared/excluded-rows.ts';
import { openStore } from '../../store/open-store.ts';
import { openRuntime } from '../cluster/runtime.ts';
import type { Runtime } from '../cluster/runtime.ts';
import type { SelectionServer } from './selection-server.ts';

/** What a new selection changes; the rest is as in the run that it builds on. */
export interface ReselectOptions {
  method?: SelectionMethod | 'auto' | undefined;
  lambda?: number | undefined;
  /** Rows where it is above 1, else a share. */
  budget?: number | undefined;
  /** `key.path=value` of values, allocation or selection, or the rows that are left out. */
  settings?: readonly string[] | undefined;
  /** Name of the new run. */
  name?: string | undefined;
  address?: string | undefined;
  namespace?: string | undefined;
  /** Whether somebody looks at it alone: nothing is kept of it under a name. */
  isPreview?: boolean | undefined;
  /** A server that is there already and stays open; else the named one, or one of the selection's own. */
  server?: SelectionServer | undefined;
  /** Ends the work where nobody waits for it any more. */
  signal?: AbortSignal | undefined;
}

export interface Reselected {
  runName: string;
  config: Config;
  folder: RunFolder;
  result: RunResult;
}

/** Selects again from the gradient table of a run: light work alone, so no compute process is started. */
export async function reselectRun(base: RunResult, options: ReselectOptions): Promise<Reselected> {
  const { settings = [], method } = options;
  const wanted = method === undefined ? settings : [...settings, `selection.method=${method}`];
  const config = changed(changeSelection(base.config, wanted), options);
  const runName = options.name ?? nameOf(base, config);
  if (!/^[a-z0-9-]{1,64}$/.test(runName))
    throw new InvalidConfigError(`--name: must be 1 to 64 of a-z, 0-9, -, got "${runName}"`);
  const folder = runFolderOf(config, runName);
  const taken = options.name === undefined ? null : await folder.result().catch(() => null);
  const isRepeated = runName !== base.runName && JSON.stringify(taken?.config) === JSON.stringify(config);
  if (taken !== null && !isRepeated)
    throw new InvalidConfigError(`--name: must be a new run's, got "${runName}", which has a result; name another`);
  // What cannot be shared out is refused before anything is made.
  if (base.values !== null && base.dataset !== null)
    allocateBudget(base.values.tasks, config.allocation, base.dataset.rowCount);
  const notes = base.dataset === null ? [] : await checkExcluded(openStore, config, base.dataset.rows);
  await folder.write('recipe.resolved.yaml', stringify(withDiskNames(config)));
  options.signal?.throwIfAborted();
  const runtime = (await options.server?.runtime()) ?? (await openOwn(folder, runName, options));
  try {
    const started = { runName, config, replaces: runtime.embedded, isPreview: options.isPreview ?? false };
    const handle = await startReselection(runtime.client, started, withNotes(base, notes));
    const result = await unlessAborted(handle.result(), options.signal).catch(async (error: unknown) => {
      // A server that stays would go on with it.
      if (options.signal?.aborted === true) await handle.workflow.terminate('nobody waits').catch(() => undefined);
      throw error;
    });
    return { runName, config, folder, result };
  } finally {
    if (options.server === undefined) await runtime.close();
  }
}

function openOwn(folder: RunFolder, runName: string, { address, namespace }: ReselectOptions): Promise<Runtime> {
  return openRuntime({
    address: address ?? null,
    namespace: namespace ?? null,
    databasePath: join(folder.path, 'temporal.db'),
    isFresh: true,
    processCount: 0,
    log: openRunLog(join(folder.path, LOG_FILE), { run: runName }),
    say: (text) => void process.stderr.write(`${text}\n`),
  });
}

/** @throws what the signal was aborted with */
async function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work;
  signal.throwIfAborted();
  let end = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    end = () => reject(signal.reason as Error);
    signal.addEventListener('abort', end);
  });
  // What becomes of it afterwards nobody asks.
  work.catch(() => undefined);
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', end));
}

function withNotes(base: RunResult, notes: readonly string[]): RunResult {
  const { dataset } = base;
  return dataset === null ? base : { ...base, dataset: { ...dataset, warnings: [...dataset.warnings, ...notes] } };
}

function changed(config: Config, { lambda, budget }: ReselectOptions): Config {
  if (lambda !== undefined && lambda < 0)
    throw new InvalidConfigError(`--lambda: must be a number of at least 0, got ${lambda}`);
  if (budget !== undefined && (budget <= 0 || (budget > 1 && !Number.isInteger(budget)))) {
    throw new InvalidConfigError(`--budget: must be a share in (0, 1] or a whole number of rows, got ${budget}`);
  }
  const { selection, allocation } = config;
  return {
    ...config,
    selection: { ...selection, lambda: lambda ?? selection.lambda },
    allocation:
      budget === undefined
        ? allocation
        : { ...allocation, budgetFraction: budget <= 1 ? budget : null, budgetRows: budget <= 1 ? null : budget },
  };
}

/** The base's name, the method, and a hash of what was changed. */
function nameOf({ runName, config }: RunResult, { selection, allocation, values, run, dataset }: Config): string {
  const changedValues = JSON.stringify(values) === JSON.stringify(config.values) ? [] : [values];
  const { excludeRows = null } = dataset;
  const leftOut = excludeRows === (config.dataset.excludeRows ?? null) ? [] : [excludeRows];
  const hash = createHash('sha256')
    .update(JSON.stringify([selection, allocation, dirname(run.outputDir), ...changedValues, ...leftOut]))
    .digest('hex')
    .slice(0, 6);
  const method = selection.method.replaceAll('_', '-');
  return `${runName.slice(0, 63 - method.length - 7)}-${method}-${hash}`;
}
