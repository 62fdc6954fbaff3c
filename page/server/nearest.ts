// Questions about the nearest rows of a run: all that wait are answered by one pass of a thread.
import { Worker } from 'node:worker_threads';
import type { GradientsOf, NearRow } from '../../client/runs/nearest-rows.ts';
import type { RunResult } from '../../contracts/messages/run.ts';

/** What the thread is started with. */
export interface NearestWork {
  result: GradientsOf;
  mostBytes: number;
}

/** What the thread says of the rows that it was asked about, in their order. */
export type NearestAnswer = { nearest: NearRow[][] } | { problem: string };

/** Gradients, as they are stored, that stay in memory: of larger tables each question reads the files again. */
const KEPT_BYTES = 128_000_000;

/** Rows whose nearest ones are remembered. */
const MOST_REMEMBERED = 2000;

/** What lies outside of typed arrays is small; the least is collected early rather than late. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 512 };

/** Tests run the sources, whose threads are in the build. */
const THREAD = import.meta.url.endsWith('.ts')
  ? new URL('../../dist/page/server/nearest-thread.js', import.meta.url)
  : new URL('./nearest-thread.js', import.meta.url);

interface Waiting {
  rowIndex: number;
  resolve: (nearest: NearRow[]) => void;
  reject: (error: Error) => void;
}

/** The nearest rows of one run's rows. The thread begins with the first question. */
export class Nearest {
  readonly #work: NearestWork;
  readonly #remembered = new Map<number, NearRow[]>();
  #thread: Worker | null = null;
  /** Asked while the thread is at another pass. */
  #waiting: Waiting[] = [];
  /** What the thread is at. */
  #asked: Waiting[] = [];

  constructor({ gradients, dataset, config }: RunResult, mostBytes = KEPT_BYTES) {
    this.#work = { result: { gradients, dataset, config }, mostBytes };
  }

  /** @param signal takes the question back where the thread is not at it yet */
  async of(rowIndex: number, signal?: AbortSignal): Promise<NearRow[]> {
    const known = this.#remembered.get(rowIndex);
    if (known !== undefined) return known;
    return new Promise<NearRow[]>((resolve, reject) => {
      const own = { rowIndex, resolve, reject };
      this.#waiting.push(own);
      signal?.addEventListener('abort', () => {
        this.#waiting = this.#waiting.filter((one) => one !== own);
        reject(signal.reason as Error);
      });
      this.#next();
    });
  }

  async close(): Promise<void> {
    const thread = this.#thread;
    this.#end(new Error('rows: the page must be open, got it closed'));
    await thread?.terminate();
  }

  #next(): void {
    if (this.#asked.length > 0 || this.#waiting.length === 0) return;
    [this.#asked, this.#waiting] = [this.#waiting, []];
    this.#thread ??= this.#start();
    this.#thread.postMessage([...new Set(this.#asked.map(({ rowIndex }) => rowIndex))]);
  }

  #start(): Worker {
    const thread = new Worker(THREAD, { workerData: this.#work, resourceLimits: THREAD_LIMITS });
    thread.unref();
    thread.on('message', (answer: NearestAnswer) => this.#tell(answer));
    thread.on('error', (error: Error) => this.#end(error));
    thread.on('exit', (code) => {
      if (this.#thread === thread) this.#end(new Error(`rows: thread must go on, got its end with code ${code}`));
    });
    return thread;
  }

  #tell(answer: NearestAnswer): void {
    const asked = this.#asked;
    this.#asked = [];
    if ('problem' in answer) for (const { reject } of asked) reject(new Error(answer.problem));
    else {
      if (this.#remembered.size > MOST_REMEMBERED) this.#remembered.clear();
      const rows = [...new Set(asked.map(({ rowIndex }) => rowIndex))];
      for (const [place, rowIndex] of rows.entries()) this.#remembered.set(rowIndex, answer.nearest[place]!);
      for (const { rowIndex, resolve } of asked) resolve(this.#remembered.get(rowIndex)!);
    }
    this.#next();
  }

  /** Nobody waits for a thread that is no more; the next question starts another one. */
  #end(error: Error): void {
    const left = [...this.#asked, ...this.#waiting];
    [this.#asked, this.#waiting, this.#thread] = [[], [], null];
    for (const { reject } of left) reject(error);
  }
}
