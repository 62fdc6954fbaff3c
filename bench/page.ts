// Bench of the local page over a mixture's number of rows: time until its rows are there, of answers, and memory.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadPreset } from '../client/recipe/recipe.ts';
import type { RowPage } from '../page/api.ts';
import { servePage } from '../page/server/serve.ts';
import { LocalStore } from '../store/local-store.ts';
import { megabytes, median, short } from './bench.ts';
import type { BenchLine, BenchOptions } from './bench.ts';
import { withChildren } from './child.ts';
import { ownPeakBytes } from './processes.ts';
import { makeRun } from './report.ts';

/** Filters and orders as a person sets them; each order is made at its first use. */
const QUERIES = [
  '',
  'sort=value&descending=true',
  'sort=loss&state=selected',
  'sort=norm&task=task-3&leastLoss=1&mostValue=0.2',
  'sort=rank&state=left_out&offset=300000',
  'sort=tokens&descending=true&limit=500',
  'sort=copies&descending=true&offset=600000',
  'sort=value&leastValue=0.69',
];

const TIMES = 5;

/** What the page's process has measured. */
interface Measured {
  openMs: number;
  firstMs: number[];
  laterMs: number[];
  searchMs: number;
  isPartial: boolean;
  peakBytes: number;
  heldBytes: number;
}

export async function* bench({ rowCount = 665_298 }: BenchOptions): AsyncGenerator<BenchLine> {
  const folder = await mkdtemp(join(tmpdir(), 'tive-bench-page-'));
  try {
    const { config } = loadPreset('demo');
    const store = new LocalStore(join(folder, 'store'));
    const result = await makeRun(store, { ...config, store: { uri: store.uri } }, rowCount);
    await mkdir(join(folder, 'runs/bench'), { recursive: true });
    await writeFile(join(folder, 'runs/bench/result.json'), JSON.stringify(result));
    const found = await withChildren(1, 'page', folder, ([child]) => child!.run<Measured>('measure'));
    const worst = Math.max(...found.firstMs, ...found.laterMs);
    const times = `${short(median(found.laterMs))} ms the middle, ${short(worst)} ms the worst answer (goal 200)`;
    const search = `${short(found.searchMs)} ms a part of a search${found.isPartial ? '' : ', which is whole'}`;
    const memory = `${megabytes(found.heldBytes)} held, ${megabytes(found.peakBytes)} at most (goal 600)`;
    yield { name: 'page', facts: [times, search, `rows after ${short(found.openMs)} ms`, memory, `${rowCount} rows`] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The page's process. */
export async function prepare(folder: string): Promise<{ measure: () => Promise<Measured> }> {
  const place = { runsFolder: join(folder, 'runs'), folder, version: '0', host: '127.0.0.1', port: 0 };
  const page = await servePage({ ...place, isReadOnly: true });
  const { origin } = new URL(page.link);
  const entered = await fetch(page.link);
  const cookie = entered.headers.get('set-cookie')!.split(';')[0]!;
  const ask = async (query: string): Promise<{ ms: number; page: RowPage }> => {
    const startedAt = performance.now();
    const answer = await fetch(`${origin}/api/runs/bench/rows?${query}`, { headers: { cookie } });
    const read = (await answer.json()) as RowPage;
    return { ms: performance.now() - startedAt, page: read };
  };
  const measure = async (): Promise<Measured> => {
    const { ms: openMs } = await ask('limit=1');
    const firstMs: number[] = [];
    const laterMs: number[] = [];
    for (const query of QUERIES) firstMs.push((await ask(query)).ms);
    for (let time = 0; time < TIMES; time += 1) for (const query of QUERIES) laterMs.push((await ask(query)).ms);
    const { ms: searchMs, page: found } = await ask('text=nothing%20says%20this');
    const { rss: heldBytes } = process.memoryUsage();
    return {
      openMs,
      firstMs,
      laterMs,
      searchMs,
      isPartial: found.isPartial,
      peakBytes: ownPeakBytes() ?? heldBytes,
      heldBytes,
    };
  };
  return { measure };
}
