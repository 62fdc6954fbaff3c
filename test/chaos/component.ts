import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const program = join(import.meta.dirname, '../../setup/tive.mjs');

/** One `tive` process of a cluster, with a folder, a log and a clock of its own, started again as a platform would. */
export class Component {
  readonly name: string;
  readonly folder: string;
  readonly #args: readonly string[];
  readonly #environment: Readonly<Record<string, string>>;
  readonly #prefix: readonly string[];
  #child: ChildProcess | null = null;

  /** @param prefix command that runs the process, e.g. in a network of its own */
  constructor(
    folder: string,
    name: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
    prefix: readonly string[] = [],
  ) {
    this.name = name;
    this.folder = folder;
    this.#args = args;
    this.#environment = environment;
    this.#prefix = prefix;
    mkdirSync(join(folder, 'tmp'), { recursive: true });
    this.shiftClock(0);
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  get isRunning(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  start(): void {
    const [command, ...args] = [...this.#prefix, process.execPath, program, ...this.#args];
    this.#child = spawn(command!, args, {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NO_COLOR: '1',
        TMPDIR: join(this.folder, 'tmp'),
        CLOCK_OFFSET_FILE: this.#clockFile,
        ...this.#environment,
      },
    });
    const log = createWriteStream(this.#logFile, { flags: 'a' });
    this.#child.stdout!.pipe(log, { end: false });
    this.#child.stderr!.pipe(log, { end: false });
    this.#child.once('close', () => log.end());
  }

  /** @returns exit code, null where a signal ended it */
  async finished(): Promise<number | null> {
    const child = this.#child!;
    if (this.isRunning) await new Promise((resolve) => child.once('exit', resolve));
    return child.exitCode;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child!.kill(signal);
  }

  async stop(): Promise<void> {
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    if (this.#child !== null) await this.finished();
  }

  /** Process ids of its compute processes. */
  computeProcesses(): number[] {
    const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(this.pid)], { encoding: 'utf8' });
    const lines = stdout.split('\n').filter((line) => line.includes('compute-process'));
    return lines.map((line) => Number(line.trim().split(' ')[0]));
  }

  /** From now on the process takes the time to be so much later; only with the preloaded clock. */
  shiftClock(seconds: number): void {
    writeFileSync(this.#clockFile, Buffer.from(new Float64Array([seconds]).buffer), {
      flag: this.#child === null ? 'w' : 'r+',
    });
  }

  /** What it has written to its standard output and error. */
  log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  get #logFile(): string {
    return join(this.folder, `${this.name}.log`);
  }

  get #clockFile(): string {
    return join(this.folder, `${this.name}.clock`);
  }
}
