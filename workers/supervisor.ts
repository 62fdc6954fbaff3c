// The supervisor of a host's compute processes.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { computeEnvironment } from './compute-environment.ts';
import type { ComputeSlot } from './compute-environment.ts';
import type { WorkerAddress } from './connection.ts';
import { describeEnd, memoryKillCount } from './memory-kills.ts';
import { computeMetricsAddress } from './metrics-address.ts';
import { EMBEDDED } from './install-runtime.ts';
import type { LogSink, RuntimeSettings } from './install-runtime.ts';

/**
 * Restarts wait this long at first, twice as long each time, up to the last; a process that lived a minute starts anew.
 */
const FIRST_RESTART_MS = 500;
const LAST_RESTART_MS = 30_000;
const HEALTHY_MS = 60_000;

/** A process that does not end within this after SIGTERM is killed. */
export const STOP_TIMEOUT_MS = 150_000;

/** Starts the host's compute processes and restarts those that die. */
export class Supervisor {
  readonly #server: WorkerAddress;
  readonly #slots: readonly ComputeSlot[];
  readonly #log: LogSink;
  readonly #settings: RuntimeSettings;
  readonly #processPath: string;
  readonly #children = new Map<number, ChildProcess>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopping = false;
  #restartCount = 0;

  /**
   * @param settings of this process; the ports of the compute processes' metrics follow its own
   * @param processPath what each process runs; another script in tests
   */
  constructor(
    server: WorkerAddress,
    slots: readonly ComputeSlot[],
    log: LogSink,
    settings: RuntimeSettings = EMBEDDED,
    processPath: string = computeProcessPath(),
  ) {
    this.#server = server;
    this.#slots = slots;
    this.#log = log;
    this.#settings = settings;
    this.#processPath = processPath;
  }

  /** Processes that died and were started again. */
  get restartCount(): number {
    return this.#restartCount;
  }

  /** Process ids of the compute processes that run now. */
  get processIds(): number[] {
    return [...this.#children.values()].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  start(): void {
    for (const slot of this.#slots) this.#launch(slot, FIRST_RESTART_MS);
  }

  /** Drains all processes: each stops at its next checkpoint. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([...this.#children.values()].map((child) => stopChild(child)));
  }

  /** Ends all processes at once; what they did since their last checkpoint is done again later. */
  kill(): void {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const child of this.#children.values()) child.kill('SIGKILL');
  }

  #launch(slot: ComputeSlot, restartMs: number): void {
    const startedAt = Date.now();
    const memoryKills = memoryKillCount();
    const { level, metrics } = this.#settings;
    const settings: RuntimeSettings = {
      level,
      metrics: metrics === null ? null : computeMetricsAddress(metrics, slot.index),
    };
    const child = fork(this.#processPath, [JSON.stringify(this.#server), JSON.stringify(settings)], {
      env: computeEnvironment(slot, process.env),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: process.execArgv,
    });
    this.#children.set(slot.index, child);
    child.on('message', (message: { log?: Parameters<LogSink>[0] }) => {
      if (message.log !== undefined)
        this.#log({ ...message.log, attributes: { ...message.log.attributes, process: slot.index } });
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#log({ level: 'debug', message: text.trimEnd(), attributes: { process: slot.index } });
      });
    }
    const ended = (cause: string): void => {
      this.#children.delete(slot.index);
      if (this.#stopping) return;
      this.#restartCount += 1;
      const healthy = Date.now() - startedAt > HEALTHY_MS;
      const delayMs = healthy ? FIRST_RESTART_MS : restartMs;
      this.#log({
        level: 'warn',
        message: `compute process ${slot.index} ended (${cause}); started again in ${delayMs} ms`,
        attributes: {},
      });
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#launch(slot, Math.min(delayMs * 2, LAST_RESTART_MS));
      }, delayMs);
      this.#timers.add(timer);
    };
    child.once('exit', (code, signal) => ended(describeEnd(code, signal, memoryKills)));
    child.on('error', ({ message }) => {
      // A process that could not be started has no exit.
      if (child.pid === undefined) ended(message);
      else this.#log({ level: 'warn', message, attributes: { process: slot.index } });
    });
  }
}

function computeProcessPath(): string {
  return fileURLToPath(new URL(`./compute-process.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url));
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}
