// What a command holds while it attends to work in Temporal: folder, lease, server and workers, interrupts.
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { checkModel } from '../../activities/shared/model-checks.ts';
import { ModelHost } from '../../activities/shared/model-host.ts';
import type { Config } from '../../contracts/config.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { useTorch } from '../../setup/torch-python.ts';
import { endLeases, keepLease } from '../../store/leases.ts';
import type { Lease } from '../../store/leases.ts';
import { openStore } from '../../store/open-store.ts';
import { answers } from '../cluster/embedded-server.ts';
import { openRuntime } from '../cluster/runtime.ts';
import type { Runtime } from '../cluster/runtime.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { openRunLog } from '../terminal/run-log.ts';
import { namedRun } from './find-run.ts';
import { LOG_FILE, claimFolder, runFolderOf } from './run-folder.ts';
import type { RunFolder } from './run-folder.ts';
import { workflowIdOf } from './runs.ts';

/** How a command attends to a run or a benchmark. */
export interface AttendOptions {
  /** Names its folder and its workflow. */
  runName: string;
  config: Config;
  /** Server of a cluster, or null for the embedded one. */
  address: string | null;
  namespace: string | null;
  withUi: boolean;
  /** Compute processes, null = as fits the machine. */
  processCount: number | null;
  /** Shows the progress as lines that are redrawn. */
  isTerminal: boolean;
  /** Says nothing but results and errors. */
  quiet: boolean;
}

/** What the work is given. */
export interface Attended {
  runtime: Runtime;
  folder: RunFolder;
  interrupted: AbortSignal;
  say: (text: string) => void;
}

/**
 * Opens what work in Temporal needs, does the work, and closes it in any case.
 * @throws InvalidConfigError where the model cannot be used, or another command is at the name
 */
export async function attend<Result>(
  options: AttendOptions,
  work: (attended: Attended) => Promise<Result>,
): Promise<Result> {
  const { runName, config, address, quiet } = options;
  const say = (text: string): void => void process.stderr.write(quiet ? '' : `${text}\n`);
  if (address === null) await checkModelHere(config);
  const folder = runFolderOf(config, runName);
  if (address === null) await refuseWhileAtWork(folder.path, runName);
  await claimFolder(folder);
  const interrupt = interruptible(say);
  const runtime = await openRuntime({
    address,
    namespace: options.namespace,
    databasePath: join(folder.path, 'temporal.db'),
    isFresh: true,
    withUi: options.withUi,
    processCount: options.processCount,
    log: openRunLog(join(folder.path, LOG_FILE), { run: runName }),
    say,
  });
  interrupt.atOnce = () => runtime.supervisor?.kill();
  try {
    await folder.write(
      'server.json',
      JSON.stringify({ address: runtime.address, pid: process.pid, uiUrl: runtime.uiUrl }),
    );
    if (runtime.uiUrl !== null) say(`Temporal's own pages: ${runtime.uiUrl}`);
    const lease = runtime.embedded ? await holdLease(config, runName) : null;
    try {
      return await work({ runtime, folder, interrupted: interrupt.signal, say });
    } finally {
      await lease?.end();
    }
  } finally {
    await runtime.close();
    await folder.remove('server.json');
    interrupt.release();
  }
}

async function checkModelHere(config: Config): Promise<void> {
  useTorch();
  const models = new ModelHost();
  try {
    await checkModel(config, models);
  } finally {
    await models.dispose();
  }
}

/** The command's own lease: it holds between two pieces of work too, and ends with the command. */
async function holdLease(config: Config, run: string): Promise<{ end(): Promise<void> }> {
  const store = openStore(config.store.uri);
  const workflowId = workflowIdOf(run);
  const lease: Lease = { run, holder: `${hostname()}/${process.pid}`, isAtWork: true, uris: [] };
  const letGo = await keepLease(store, workflowId, 'command', lease);
  return {
    end: async () => {
      letGo();
      await endLeases(store, workflowId).catch(() => undefined);
    },
  };
}

/** @throws InvalidConfigError where another command on this machine is at the run */
async function refuseWhileAtWork(path: string, runName: string): Promise<void> {
  const { address } = await namedRun(path, '.');
  if (address === null || !(await answers(address))) return;
  throw new InvalidConfigError(
    `run: name must not be at work, got "${runName}" at ${address}; tive status ${runName} shows it, or set another run.name`,
  );
}

/**
 * Looks now and then until the work has ended or the person interrupts, and once more when it has ended: what happened
 * since the last look is seen too.
 * @param start begins to wait for the work's result
 * @returns whether it has ended, and its result, which is not to be waited for otherwise
 */
export async function watchUntilEnd<Result>(
  { runtime, interrupted }: { runtime: { client: Pick<Client, 'withAbortSignal'> }; interrupted: AbortSignal },
  start: () => Promise<Result>,
  look: () => Promise<void>,
  pollMs: number,
): Promise<{ hasEnded: boolean; result: Promise<Result> }> {
  let hasEnded = false;
  // Without the signal the call would go on, and fail on the closed connection. Each long poll of it listens once more.
  setMaxListeners(0, interrupted);
  const result = runtime.client.withAbortSignal(interrupted, start);
  const end = (): void => {
    hasEnded = !interrupted.aborted;
  };
  result.then(end, end);
  while (!hasEnded && !interrupted.aborted) {
    await look();
    await sleep(pollMs, undefined, { signal: interrupted }).catch(() => undefined);
  }
  if (hasEnded) await look();
  return { hasEnded, result };
}
