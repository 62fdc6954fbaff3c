// What a person finds of a benchmark on this machine: its page and tables, and where it stood.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchmarkResult, CellProgress } from '../../contracts/messages/benchmark.ts';
import { LocalStore } from '../../store/local-store.ts';
import type { Store } from '../../store/store.ts';
import { cellLine } from '../terminal/benchmark-display.ts';
import { copyFiles } from './run-folder.ts';
import type { RunFolder } from './run-folder.ts';

const PROGRESS_FILE = 'benchmark-progress.json';

/** A benchmark as it was last seen. */
export interface SeenBenchmark {
  cells: readonly CellProgress[];
  /** Null while it goes on, or where it was stopped. */
  verdict: readonly string[] | null;
}

export function recordBenchmark(folder: RunFolder, seen: SeenBenchmark): Promise<void> {
  return folder.write(PROGRESS_FILE, `${JSON.stringify(seen)}\n`);
}

/** What was recorded, or null where the folder is no benchmark's. */
export async function seenBenchmark({ path }: RunFolder): Promise<SeenBenchmark | null> {
  const text = await readFile(join(path, PROGRESS_FILE), 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as SeenBenchmark);
}

/** Copies page and tables into the folder. @returns place of the page */
export async function saveBenchmark(folder: RunFolder, store: Store, result: BenchmarkResult): Promise<string> {
  await copyFiles(store, result.report, new LocalStore(folder.path, { isPrivate: true }));
  await recordBenchmark(folder, { cells: result.cells, verdict: result.verdict });
  return join(folder.path, 'benchmark.html');
}

/** Its runs in lines: those that are done with their scores, and how many are left; then what was shown. */
export function benchmarkNotes({ cells, verdict }: SeenBenchmark): string[] {
  const done = cells.filter(({ state }) => state === 'done');
  return [...done.map(cellLine), `${done.length} of ${cells.length} runs done`, ...(verdict ?? [])];
}
