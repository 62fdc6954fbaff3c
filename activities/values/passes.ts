// Passes over a gradient table by several threads, merged in the order of the files.
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { mergeTaskSums } from '../../algorithms/task-values.ts';
import type { TaskStatistics, TaskSums } from '../../algorithms/task-values.ts';
import * as failures from '../../contracts/failures.ts';
import type { Store } from '../../store/store.ts';
import { runPass } from './pass.ts';
import type { PassRequest, PassResults, ScannedRows, ScoredRows } from './pass.ts';
import type { GradientFile, GradientTable } from '../../tables/gradients.ts';
import type { Pulse } from '../shared/heartbeat.ts';

/** What a thread is started with. */
export interface ThreadWork {
  storeUri: string;
  table: GradientTable;
  request: PassRequest;
}

/** What a thread sends before it ends. */
export type ThreadAnswer =
  | { result: PassResults[PassRequest['pass']] }
  | { error: { name: string; message: string; [field: string]: unknown } };

/** A thread is worth its start from so many bytes on. */
const BYTES_OF_THREAD = 64 * 1024 * 1024;

/** Between two looks at whether the activity must stop. */
const PULSE_MS = 500;

/**
 * How many threads share a table: one a core, none with less than 64 MiB.
 * `TIVE_VALUES_THREADS` sets another number. Results have the same bits for any.
 */
export function threadCountFor({ files }: GradientTable, environment: NodeJS.ProcessEnv = process.env): number {
  const asked = Number(environment['TIVE_VALUES_THREADS'] ?? NaN);
  const bytes = files.reduce((sum, { file }) => sum + file.byteCount, 0);
  const wanted = asked >= 1 ? asked : Math.min(availableParallelism(), Math.ceil(bytes / BYTES_OF_THREAD));
  return Math.max(1, Math.min(wanted, files.length));
}

/** Passes over a whole gradient table, each shared by threads that have a run of its shards. */
export class GradientPasses {
  readonly #store: Store;
  readonly #parts: GradientTable[];
  readonly #pulse: Pulse;

  constructor(store: Store, table: GradientTable, threadCount: number, pulse: Pulse) {
    this.#store = store;
    this.#parts = splitFiles(table.files, threadCount).map((files) => ({ ...table, files }));
    this.#pulse = pulse;
  }

  async scan(): Promise<ScannedRows> {
    const parts = await this.#run<'scan'>(() => ({ pass: 'scan' }));
    const joined = <Column extends keyof ScannedRows>(column: Column): ScannedRows[Column] =>
      concatenate(parts.map((part) => part[column]));
    return {
      contentHash: joined('contentHash'),
      usable: joined('usable'),
      largest: joined('largest'),
      loss: joined('loss'),
      supervisedTokenCount: joined('supervisedTokenCount'),
      gradientNorm: joined('gradientNorm'),
      el2n: joined('el2n'),
    };
  }

  /** @param taskIndex [row] over the whole table */
  async sum(taskIndex: Int32Array, maxima: Float64Array): Promise<TaskSums> {
    const [sums, ...others] = await this.#run<'sum'>((start, end) => ({
      pass: 'sum',
      taskIndex: taskIndex.slice(start, end),
      maxima,
    }));
    for (const other of others) mergeTaskSums(sums!, other);
    return sums!;
  }

  /** @param sampled [row] 1 for rows whose unit gradients are wanted */
  async score(
    taskIndex: Int32Array,
    statistics: TaskStatistics,
    selfTerm: boolean,
    sampled: Uint8Array,
  ): Promise<ScoredRows> {
    const parts = await this.#run<'score'>((start, end) => ({
      pass: 'score',
      taskIndex: taskIndex.slice(start, end),
      statistics,
      selfTerm,
      sampled: sampled.slice(start, end),
    }));
    return {
      mean_of_cosines: concatenate(parts.map((part) => part.mean_of_cosines)),
      cosine_to_mean: concatenate(parts.map((part) => part.cosine_to_mean)),
      sample: concatenate(parts.map((part) => part.sample)),
    };
  }

  /** @param requestOf the request to the part with the table's rows [start, end) */
  async #run<Pass extends PassRequest['pass']>(
    requestOf: (start: number, end: number) => PassRequest & { pass: Pass },
  ): Promise<PassResults[Pass][]> {
    let start = 0;
    const requests = this.#parts.map(({ files }) => {
      const end = start + files.reduce((rows, { file }) => rows + file.rowCount, 0);
      const request = requestOf(start, end);
      start = end;
      return request;
    });
    if (requests.length > 1) return this.#runThreads<Pass>(requests);
    return [
      (await runPass(this.#store, this.#parts[0]!, requests[0]!, () => this.#pulse.pause())) as PassResults[Pass],
    ];
  }

  async #runThreads<Pass extends PassRequest['pass']>(requests: readonly PassRequest[]): Promise<PassResults[Pass][]> {
    const threads = requests.map((request, index) =>
      startThread({ storeUri: this.#store.uri, table: this.#parts[index]!, request }),
    );
    try {
      let done = false;
      const results = Promise.all(threads.map(({ result }) => result)).finally(() => (done = true));
      // Its failure is met where it is awaited below.
      results.catch(() => undefined);
      while (!done) {
        await Promise.race([results, sleep(PULSE_MS)]);
        await this.#pulse.pause();
      }
      return (await results) as PassResults[Pass][];
    } finally {
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    }
  }
}

function startThread(work: ThreadWork): { worker: Worker; result: Promise<unknown> } {
  const worker = new Worker(new URL('./pass-thread.js', import.meta.url), { workerData: work });
  const result = new Promise((resolve, reject) => {
    worker.once('message', (answer: ThreadAnswer) => {
      if ('result' in answer) resolve(answer.result);
      else reject(rebuilt(answer.error));
    });
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`values: thread must end with a result, got exit code ${code}`)));
  });
  return { worker, result };
}

/** An error of a thread with its class, by which Temporal knows whether to try again. */
function rebuilt(fields: { name: string; message: string }): Error {
  const Known = (failures as Record<string, unknown>)[fields.name];
  const error =
    typeof Known === 'function' ? new (Known as ErrorConstructor)(fields.message) : new Error(fields.message);
  return Object.assign(error, fields);
}

/** Runs of neighbouring files with about equal numbers of rows, none of them empty. */
export function splitFiles(files: readonly GradientFile[], partCount: number): GradientFile[][] {
  const total = files.reduce((rows, { file }) => rows + file.rowCount, 0);
  const parts: GradientFile[][] = Array.from({ length: partCount }, () => []);
  let before = 0;
  for (const entry of files) {
    const middle = before + entry.file.rowCount / 2;
    parts[Math.min(partCount - 1, Math.floor((middle / Math.max(total, 1)) * partCount))]!.push(entry);
    before += entry.file.rowCount;
  }
  return parts.filter((part) => part.length > 0);
}

function concatenate<Column extends Uint8Array | Uint32Array | Float32Array | Float64Array>(
  columns: readonly Column[],
): Column {
  if (columns.length === 1) return columns[0]!;
  const length = columns.reduce((sum, column) => sum + column.length, 0);
  const joined = new (columns[0]!.constructor as new (length: number) => Column)(length);
  let start = 0;
  for (const column of columns) {
    joined.set(column, start);
    start += column.length;
  }
  return joined;
}
