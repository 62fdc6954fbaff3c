// A run from start to end, as commands execute it: progress, result, files.
import { readFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { withDiskNames } from '../../contracts/disk-names.ts';
import type { RunResult, StageProgress } from '../../contracts/messages/run.ts';
import type { Stage } from '../../contracts/stages.ts';
import { endLeases } from '../../store/leases.ts';
import { openStore } from '../../store/open-store.ts';
import { isAgreed } from '../terminal/agree.ts';
import { hint } from '../terminal/own-command.ts';
import { EXIT, outcomeOf } from '../terminal/outcome.ts';
import { createProgressDisplay } from '../terminal/progress-display.ts';
import type { ProgressDisplay } from '../terminal/progress-display.ts';
import { attend, watchUntilEnd } from './attend.ts';
import type { Attended, AttendOptions } from './attend.ts';
import { damageOf, setAllDamagedAside, setDamagedAside } from './mend-store.ts';
import { keepFormer } from './former-result.ts';
import { PROGRESS_FILE, recordCluster, recordProgress, saveResult } from './run-folder.ts';
import type { RunFolder } from './run-folder.ts';
import { startRun } from './runs.ts';
import { sendResult } from '../send/send-result.ts';
import { sourceChanges } from './source-changes.ts';
import type { RunHandle } from './runs.ts';
import { missingWorkers } from '../cluster/task-queues.ts';

/** How a run is executed; what it computes is in its config. */
export interface ExecuteOptions extends AttendOptions {
  until: Stage;
  /** Keeps what the last run of the name has computed, as far as its rows are still there. */
  incremental: boolean;
  /** Starts the run and returns; only on a cluster. */
  detach: boolean;
  heartbeatTimeoutMs: number;
  /** Command that resumes the run, for messages. */
  resumeCommand: string;
  /** Sets a damaged artifact of the store aside and makes it again, without asking. */
  repair: boolean;
  /** File of the recipe, which is copied into the run's folder; null for a preset. */
  recipeFile: string | null;
}

/** What a finished run left. */
export interface ExecutedRun {
  exitCode: number;
  /** Null where it was detached or interrupted. */
  result: RunResult | null;
  /** Place of the report, if there is one. */
  reportPath: string | null;
}

const POLL_MS = 400;
/** A run on a cluster without a worker of each kind is called out after this. */
const NO_WORKER_MS = 60_000;

/** Runs a config to its last stage, showing progress on standard error; joins or resumes a run of the same name. */
export function executeRun(options: ExecuteOptions): Promise<ExecutedRun> {
  const { runName, config, isTerminal, quiet } = options;
  return attend(options, async (attended) => {
    const { folder, say } = attended;
    const before = await folder.result().catch(() => null);
    const display = quiet ? null : createProgressDisplay(process.stderr, isTerminal);
    const work = (): Promise<ExecutedRun> =>
      mending(options, say, () => runOnce(options, { ...attended, before, display }));
    const executed = await work();
    if (!options.repair || executed.result === null) return executed;
    // What is there already was not read; a second time makes again what was damaged of it.
    const isWhole = !(await setAllDamagedAside(config.store.uri, config.run.outputDir, runName, say));
    return isWhole ? executed : await work();
  });
}

/** What the attempts at a run share. */
interface Shown extends Attended {
  /** The last result of the name. */
  before: RunResult | null;
  display: ProgressDisplay | null;
}

/** Does the work again after damage in the store was set aside, each artifact once. */
async function mending(
  { config, repair, isTerminal }: ExecuteOptions,
  say: (text: string) => void,
  work: () => Promise<ExecutedRun>,
): Promise<ExecutedRun> {
  const mended = new Set<string>();
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const damage = damageOf(error);
      const mayAsk = isTerminal && process.stdin.isTTY;
      if (damage === null || mended.has(damage.uri) || !(repair || mayAsk)) throw error;
      say(outcomeOf(error).message);
      if (!(await isAgreed(`set ${damage.uri} aside and make it again?`, repair))) throw error;
      mended.add(damage.uri);
      await setDamagedAside(config.store.uri, config.run.outputDir, damage, say);
    }
  }
}

async function runOnce(options: ExecuteOptions, shown: Shown): Promise<ExecutedRun> {
  const { runtime, folder, before, say } = shown;
  const { runName, config } = options;
  const handle = await startRun(runtime.client, {
    runName,
    config,
    until: options.until,
    incremental: options.incremental,
    heartbeatTimeoutMs: options.heartbeatTimeoutMs,
    replaces: runtime.embedded,
    recipeFile: options.recipeFile,
  });
  await describeRun(options, shown);
  if (options.detach) {
    say(
      `run ${runName} goes on at ${runtime.address}: ${hint('status', runName)} shows it, ${hint('report', runName)} fetches it`,
    );
    return { exitCode: EXIT.done, result: null, reportPath: null };
  }
  const store = openStore(config.store.uri);
  const endOwn = (): Promise<void> => endLeases(store, handle.workflow.workflowId).catch(() => undefined);
  const result = await follow(handle, shown).catch(async (error: unknown) => {
    await endOwn();
    throw error;
  });
  if (result === null) {
    const goesOn = runtime.embedded ? 'stopped at a checkpoint; resume' : 'the run goes on; follow it';
    say(`${goesOn}: ${options.resumeCommand}`);
    return { exitCode: EXIT.interrupted, result: null, reportPath: null };
  }
  await endOwn();
  for (const problem of await sendResult({ store, result, folder: folder.path })) process.stderr.write(`${problem}\n`);
  for (const change of await sourceChanges(store, before, result)) say(change);
  return { exitCode: EXIT.done, result, reportPath: await saveResult(folder, store, result, say) };
}

/** Writes what the run is of and where, once it has begun: what another recipe of the name has left goes first. */
async function describeRun(
  { runName, config, namespace, recipeFile }: ExecuteOptions,
  { runtime, folder }: Shown,
): Promise<void> {
  const moved = await keepFormer(folder, runName, config);
  // Said in any case: the result that was there has another name now.
  if (moved !== null) process.stderr.write(`${moved}\n`);
  if (recipeFile !== null) await folder.write('recipe.yaml', await readFile(recipeFile));
  await folder.write('recipe.resolved.yaml', stringify(withDiskNames(config)));
  await folder.remove(PROGRESS_FILE);
  await recordCluster(folder, runtime.embedded ? null : { address: runtime.address, namespace });
}

/** Shows the run until it ends. @returns null where the person interrupted it */
async function follow(handle: RunHandle, shown: Shown): Promise<RunResult | null> {
  const { runtime, folder, display, say } = shown;
  const record = recorderOf(folder);
  const startedAt = Date.now();
  let warned = runtime.embedded;
  let asked = false;
  const look = async (): Promise<void> => {
    const status = await handle.progress();
    if (status !== null) display?.show(status);
    if (status !== null) await record(status.stages);
    if (status?.gate.awaitsApproval === true && !asked) {
      asked = true;
      say(`the quotas wait for approval: ${hint('approve', handle.runName)}, or ${hint('cancel', handle.runName)}`);
    }
    if (!warned && Date.now() - startedAt > NO_WORKER_MS) {
      warned = true;
      for (const missing of await missingWorkers(runtime.client, runtime.address)) say(missing);
    }
  };
  const { hasEnded, result } = await watchUntilEnd(shown, () => handle.result(), look, POLL_MS);
  if (!hasEnded) return null;
  const status = await handle.progress();
  const failure = await result.then(
    () => null,
    (error: unknown) => outcomeOf(error).message,
  );
  if (status !== null) await record(status.stages, failure);
  return result;
}

/** Work units that are done are recorded at most so often. */
const RECORD_MS = 5000;

/** Writes where the run stands into its folder, when a stage begins or ends, and now and then between. */
function recorderOf(folder: RunFolder): (stages: StageProgress[], reason?: string | null) => Promise<void> {
  let [states, recordedAt] = ['', 0];
  return async (stages, reason = null) => {
    const now = stages.map(({ state }) => state).join();
    if (now === states && reason === null && Date.now() - recordedAt < RECORD_MS) return;
    [states, recordedAt] = [now, Date.now()];
    await recordProgress(folder, { stages, reason });
  };
}
