// One look at a run, wherever it is: on a cluster, on the server of a living command, or left on this disk.
import { dirname } from 'node:path';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { CellProgress } from '../../contracts/messages/benchmark.ts';
import type { RunResult, RunSoFar } from '../../contracts/messages/run.ts';
import type { AllocationResult } from '../../contracts/messages/selection.ts';
import { splitBudget } from '../../algorithms/quotas.ts';
import { endLeases } from '../../store/leases.ts';
import { openStore } from '../../store/open-store.ts';
import type { Runtime } from '../cluster/runtime.ts';
import { outcomeOf } from '../terminal/outcome.ts';
import type { tiveBenchmark } from '../../workflows/benchmark.ts';
import { benchmarkNotes, saveBenchmark, seenBenchmark } from './benchmark-folder.ts';
import type { NamedRun } from './find-run.ts';
import { saveResult } from './run-folder.ts';
import type { ClusterPlace } from './run-folder.ts';
import type { RunHandle, RunStatus } from './runs.ts';
import type { TimeLeft } from './time-left.ts';

/** A task's quota that waits for an approval. */
export interface AwaitedQuota {
  task: string;
  rows: number;
  quota: number;
  /** Its quota where every task had the same weight. */
  equalQuota: number;
}

/** What is known of a run. */
export interface LookedAtRun {
  kind: 'run' | 'benchmark';
  runName: string;
  /** Temporal's word for it, in small letters; `stopped`: its command has ended before it; `lost`: nobody answers. */
  state: 'running' | 'completed' | 'failed' | 'canceled' | 'terminated' | 'timed_out' | 'stopped' | 'lost';
  /** Server that was asked, or null where all stands on this disk. */
  address: string | null;
  /** Null where neither a worker answers nor anything is recorded. */
  progress: RunStatus | null;
  /** What a run at work has found so far; null for others, and where no worker answers. */
  found: RunSoFar | null;
  /** How long it still takes; null for a run that is not at work. */
  left: TimeLeft | null;
  /** Why it has failed; null where it has not. */
  reason: string | null;
  /** What keeps it waiting, in sentences. */
  notes: string[];
  /** Quotas that wait for an approval, beside those of equal shares; null where none do. */
  awaitedQuotas: AwaitedQuota[] | null;
  /** What it has found, here on this disk; null for a run that has not ended well. */
  result: RunResult | null;
}

/** A server and a store that were named on the command line. */
export interface AskedServer {
  address?: string | undefined;
  namespace?: string | undefined;
  /** A store that may have the results of runs that nobody else here knows: a folder or `s3://bucket/prefix`. */
  store?: string | undefined;
  /** A connection to it that is open already, and stays open. */
  connection?: Runtime | undefined;
  /** Whether a result is left where it is, and nothing of it fetched into the run's folder. */
  onlyLooks?: boolean | undefined;
}

/**
 * Where a run stands. The result of a run that has ended on a cluster is fetched into the run's folder.
 * @throws RangeError where neither a server nor this disk knows the run
 */
export async function lookAtRun(named: NamedRun, asked: AskedServer = {}): Promise<LookedAtRun> {
  const place = await placeOf(named, asked);
  if (place === null) {
    const stored = asked.store === undefined ? null : await lookAtStore(named, asked.store);
    return stored ?? lookAtDisk(named);
  }
  const { connectServer, joinEmbedded } = await import('../cluster/runtime.ts');
  if (asked.connection !== undefined) return lookAtServer(named, asked.connection, asked.onlyLooks);
  const isEmbedded = place.address === named.address && (await named.folder.cluster()) === null;
  let runtime: Runtime;
  try {
    runtime = isEmbedded ? await joinEmbedded(place.address) : await connectServer(place);
  } catch (error) {
    if (asked.address !== undefined) throw error;
    const found = await lookAtDisk(named).catch(() => emptyLook(named.runName));
    const state = found.result === null ? 'lost' : found.state;
    return { ...found, state, address: place.address, notes: [...found.notes, (error as Error).message] };
  }
  try {
    return await lookAtServer(named, runtime, asked.onlyLooks);
  } finally {
    await runtime.close();
  }
}

/**
 * The result of a run, fetched where it has ended on a cluster.
 * @param isNewest whether the cluster is asked also where a result of the same recipe is here
 * @throws RangeError where it has none yet, and why
 */
export async function resultOf(named: NamedRun, asked: AskedServer = {}, isNewest = false): Promise<RunResult> {
  const here = await named.folder.result().catch(() => null);
  if (here !== null && !isNewest) return here;
  const isAsked = asked.store !== undefined && here === null;
  const stored = isAsked ? ((await lookAtStore(named, asked.store!))?.result ?? null) : null;
  if (stored !== null) return stored;
  if (isAsked && asked.address === undefined && (await named.folder.cluster()) === null)
    throw new RangeError(
      `run: must be in the store, got no "${named.runName}" in ${asked.store}; tive list --store shows them`,
    );
  if (asked.address === undefined && (await named.folder.cluster()) === null) return here ?? named.folder.result();
  const { state, result, reason, address } = await lookAtRun(named, asked);
  if (result !== null) return result;
  const why = reason === null ? '' : `: ${reason}`;
  throw new RangeError(
    `run: must have completed, got "${named.runName}" ${state}${address === null ? '' : ` on ${address}`}${why}; tive status ${named.runName} shows it`,
  );
}

/** Temporal's word for a run on a cluster; `lost` where the cluster or the run is not there. */
export async function stateOnCluster({ runName }: NamedRun, place: ClusterPlace): Promise<LookedAtRun['state']> {
  const { connectServer } = await import('../cluster/runtime.ts');
  const { findRun } = await import('./runs.ts');
  const runtime = await connectServer(place).catch(() => null);
  if (runtime === null) return 'lost';
  try {
    const { workflow } = await findRun(runtime.client, runName);
    return stateOf((await workflow.describe()).status.name);
  } catch {
    return 'lost';
  } finally {
    await runtime.close();
  }
}

function stateOf(status: string): LookedAtRun['state'] {
  if (status === 'CANCELLED') return 'canceled';
  if (status === 'PAUSED' || status === 'CONTINUED_AS_NEW') return 'running';
  return status.toLowerCase() as LookedAtRun['state'];
}

async function placeOf({ folder, address }: NamedRun, asked: AskedServer): Promise<ClusterPlace | null> {
  if (asked.address !== undefined) return { address: asked.address, namespace: asked.namespace ?? null };
  const cluster = await folder.cluster();
  return cluster ?? (address === null ? null : { address, namespace: null });
}

function emptyLook(runName: string): LookedAtRun {
  return {
    kind: 'run',
    runName,
    state: 'stopped',
    address: null,
    progress: null,
    found: null,
    left: null,
    reason: null,
    notes: [],
    awaitedQuotas: null,
    result: null,
  };
}

/** What the last command has left: its result, else how far it got. */
async function lookAtDisk({ runName, folder }: NamedRun): Promise<LookedAtRun> {
  const benchmark = await seenBenchmark(folder);
  if (benchmark !== null) {
    const state = benchmark.verdict === null ? 'stopped' : 'completed';
    return { ...emptyLook(runName), kind: 'benchmark', state, notes: benchmarkNotes(benchmark) };
  }
  const recorded = await folder.progress();
  const result = await folder.result().catch((error: unknown) => {
    if (recorded === null) throw error;
    return null;
  });
  const stages = (recorded ?? result!).stages;
  const isWhole = result !== null && (recorded === null || recorded.stages.every(({ state }) => !isOpen(state)));
  const found = { ...emptyLook(runName), progress: atRest(stages), reason: recorded?.reason ?? null };
  if (isWhole && found.reason === null)
    return { ...found, state: 'completed', progress: atRest(result.stages), result };
  return { ...found, state: found.reason === null ? 'stopped' : 'failed' };
}

/** What a store keeps of a run that no folder here knows; null where it has nothing, or the folder has something. */
async function lookAtStore({ runName, folder }: NamedRun, uri: string): Promise<LookedAtRun | null> {
  const { atHome, requireStore, storedResult } = await import('./store-runs.ts');
  const store = await requireStore(uri);
  const isHere = (await folder.progress()) !== null || (await folder.result().catch(() => null)) !== null;
  const result = isHere ? null : await storedResult(store, runName);
  return result === null ? null : lookAtResult(atHome(result, dirname(folder.path)));
}

/** A run of which a result is there, and nothing else: with what of it cannot be read here. */
export async function lookAtResult(result: RunResult): Promise<LookedAtRun> {
  const { missingParts } = await import('./missing-parts.ts');
  const seen: LookedAtRun = { ...emptyLook(result.runName), state: 'completed', progress: atRest(result.stages) };
  return { ...seen, notes: await missingParts(result), result };
}

function isOpen(state: string): boolean {
  return state === 'running' || state === 'waiting' || state === 'failed';
}

/** Stages of a run that nobody is at. */
function atRest(stages: RunStatus['stages']): RunStatus {
  const gate = { isPaused: false, awaitsApproval: false };
  const stopped = stages.map((line) =>
    line.state === 'running' ? { ...line, detail: line.detail || 'stopped' } : line,
  );
  return { stages: stopped, gate, retryCount: 0, failures: [], working: new Map(), trainings: [] };
}

async function lookAtServer(
  named: NamedRun,
  { client, address }: Runtime,
  onlyLooks: boolean = false,
): Promise<LookedAtRun> {
  const { findRun } = await import('./runs.ts');
  // A server forgets runs that have ended long ago.
  const handle = await findRun(client, named.runName).catch(async (error: unknown) => {
    if (error instanceof RangeError && (await named.folder.result().catch(() => null)) !== null) return null;
    throw error;
  });
  if (handle === null) return lookAtDisk(named);
  const { status, type } = await handle.workflow.describe();
  const state = stateOf(status.name);
  if (type === 'tiveBenchmark') {
    const bare: LookedAtRun = { ...emptyLook(named.runName), kind: 'benchmark', state, address };
    return lookAtBenchmark(named, handle, bare, onlyLooks);
  }
  const progress = await handle.progress();
  const found = { ...emptyLook(named.runName), state, address, progress };
  if (state === 'running') {
    const quotas = progress?.gate.awaitsApproval === true ? await handle.quotas() : null;
    const awaitedQuotas = quotas === null ? null : besideEqual(quotas);
    const time = progress === null ? null : await timeOf(client, handle, progress);
    const notes = [...(progress?.failures ?? []), ...(await waitingNotes(client, address))];
    return { ...found, ...time, notes, awaitedQuotas };
  }
  if (state !== 'completed') return { ...found, ...(await failureOf(handle)) };
  const result = await handle.result();
  if (onlyLooks) return { ...found, progress: progress ?? atRest(result.stages), result };
  await endLeases(openStore(result.config.store.uri), handle.workflow.workflowId).catch(() => undefined);
  const here = await named.folder.result().catch(() => null);
  if (JSON.stringify(here) !== JSON.stringify(result))
    await saveResult(named.folder, openStore(result.config.store.uri), result);
  return { ...found, progress: progress ?? atRest(result.stages), result };
}

async function timeOf(
  client: Client,
  handle: RunHandle,
  status: RunStatus,
): Promise<Pick<LookedAtRun, 'found' | 'left'>> {
  const found = await handle.found();
  if (found === null) return { found, left: null };
  const { computeWorkers } = await import('../cluster/task-queues.ts');
  const { timeLeft } = await import('./time-left.ts');
  // Who works on something long is not seen to ask.
  const asking = await computeWorkers(client).catch(() => []);
  const working = [...status.working.values()].flatMap(({ workers }) => workers);
  const processCount = Math.max(1, new Set([...asking, ...working]).size);
  return { found, left: timeLeft({ status, found, processCount }) };
}

/** A benchmark by its runs; what it has found is fetched into its folder. */
async function lookAtBenchmark(
  { folder }: NamedRun,
  handle: RunHandle,
  found: LookedAtRun,
  onlyLooks: boolean,
): Promise<LookedAtRun> {
  if (found.state !== 'running' && found.state !== 'completed') return { ...found, ...(await failureOf(handle)) };
  const workflow = handle.workflow as unknown as WorkflowHandle<typeof tiveBenchmark>;
  if (found.state === 'running') {
    const cells = await workflow.query<CellProgress[]>('benchmarkProgress').catch(() => []);
    return { ...found, notes: benchmarkNotes({ cells, verdict: null }) };
  }
  const result = await workflow.result();
  if (!onlyLooks) await saveBenchmark(folder, openStore(result.config.store.uri), result);
  return { ...found, notes: benchmarkNotes(result) };
}

function besideEqual(quotas: AllocationResult['tasks']): AwaitedQuota[] {
  const budget = quotas.reduce((sum, { quota }) => sum + quota, 0);
  const overflow = quotas.some(({ rows, quota }) => quota > rows) ? 'repeat' : 'redistribute';
  const tasks = quotas.map(({ task, rows }) => ({ task, rowCount: rows, weight: 1 }));
  const equal = splitBudget(tasks, budget, { overflow, rounding: 'largest_remainder' });
  return quotas.map(({ task, rows, quota }, index) => ({ task, rows, quota, equalQuota: equal.quota[index]! }));
}

async function failureOf(handle: RunHandle): Promise<Pick<LookedAtRun, 'reason'>> {
  const reason = await handle.result().then(
    () => null,
    (error: unknown) => outcomeOf(error).message,
  );
  return { reason };
}

async function waitingNotes(client: Client, address: string): Promise<string[]> {
  const { missingWorkers } = await import('../cluster/task-queues.ts');
  return missingWorkers(client, address);
}
