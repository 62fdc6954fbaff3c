// Bench of recovery: time from a killed compute process to new progress.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startEmbeddedServer } from '../client/cluster/embedded-server.ts';
import { loadPreset } from '../client/recipe/recipe.ts';
import { connectServer } from '../client/cluster/runtime.ts';
import type { Runtime } from '../client/cluster/runtime.ts';
import { startRun } from '../client/runs/runs.ts';
import type { RunHandle } from '../client/runs/runs.ts';
import type { Checkpoint } from '../contracts/messages/run.ts';
import { prepareTemporal } from '../setup/temporal.ts';
import { short } from './bench.ts';
import type { BenchLine } from './bench.ts';

const HEARTBEAT_SECONDS = 20;
const POLL_MS = 50;
const TIMEOUT_MS = 180_000;

/** Seconds until another process is at the work. */
const GOALS = { SIGKILL: HEARTBEAT_SECONDS + 10, SIGTERM: 5 } as const;

/**
 * Seconds from the end of a process that tunes the reference model until another one has taken it up, and gets further.
 */
export async function* bench(): AsyncGenerator<BenchLine> {
  const folder = await mkdtemp(join(tmpdir(), 'tive-bench-recovery-'));
  const { path } = await prepareTemporal(() => undefined);
  const server = await startEmbeddedServer({ program: path, databasePath: join(folder, 'temporal.db'), withUi: false });
  const workers = [
    startWorker(folder, 'control', '--address', server.address),
    startWorker(folder, 'compute', '--processes', '2', '--address', server.address),
  ];
  const runtime = await connectServer({ address: server.address, namespace: null, isEmbedded: true });
  try {
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) yield await measure(runtime, folder, signal);
  } finally {
    await runtime.close();
    for (const worker of workers) worker.kill('SIGTERM');
    await Promise.all(workers.map((worker) => worker.exitCode ?? once(worker, 'exit')));
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function startWorker(folder: string, ...args: string[]): ChildProcess {
  const program = fileURLToPath(new URL('../../setup/tive.mjs', import.meta.url));
  return spawn(process.execPath, [program, 'worker', ...args], { cwd: folder, stdio: 'ignore' });
}

async function measure(runtime: Runtime, folder: string, signal: 'SIGKILL' | 'SIGTERM'): Promise<BenchLine> {
  const overrides = ['warmup.epochs=100', `store.uri=${join(folder, `store-${signal}`)}`];
  const { config } = loadPreset('demo', { overrides });
  const run = await startRun(runtime.client, {
    runName: `recovery-${signal}`,
    config,
    until: 'warmup',
    heartbeatTimeoutMs: 1000 * HEARTBEAT_SECONDS,
  });
  const before = await until(run, ({ doneCount }) => doneCount > 0);
  const start = performance.now();
  process.kill(before.pid, signal);
  const isTaken = ({ attempt, pid }: Training): boolean => attempt > before.attempt && pid !== before.pid;
  await until(run, isTaken);
  const takenSeconds = (performance.now() - start) / 1000;
  await until(run, (now) => isTaken(now) && now.doneCount > before.doneCount);
  const furtherSeconds = (performance.now() - start) / 1000;
  await run.workflow.terminate();
  return {
    name: `recovery ${signal}`,
    facts: [
      `another process has the work after ${short(takenSeconds)} s (goal ${GOALS[signal]})`,
      `its first checkpoint beyond the last one after ${short(furtherSeconds)} s`,
      `heartbeat timeout ${HEARTBEAT_SECONDS} s`,
    ],
  };
}

/** The training at work, by what the server knows of it. */
interface Training {
  /** Process that has the attempt. */
  pid: number;
  attempt: number;
  doneCount: number;
}

async function until(run: RunHandle, holds: (training: Training) => boolean): Promise<Training> {
  for (const start = performance.now(); performance.now() - start < TIMEOUT_MS;) {
    const { raw } = await run.workflow.describe();
    for (const { activityType, attempt, lastWorkerIdentity, heartbeatDetails, state } of raw.pendingActivities ?? []) {
      const data = heartbeatDetails?.payloads?.[0]?.data;
      const isStarted = state === 2;
      if (activityType?.name !== 'tuneReference' || !isStarted || data === null || data === undefined) continue;
      const { doneCount } = JSON.parse(Buffer.from(data).toString()) as Checkpoint;
      const training = { pid: Number(lastWorkerIdentity?.split('@')[0]), attempt: attempt ?? 1, doneCount };
      if (holds(training)) return training;
    }
    await sleep(POLL_MS);
  }
  throw new Error(`recovery: training must get there within ${TIMEOUT_MS / 1000} s, got nothing`);
}
