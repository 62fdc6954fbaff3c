// Bench of the local page over a mixture's number of rows: time until its rows are there, of answers, and memory.
import { randomFillSync } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadPreset } from '../client/recipe/recipe.ts';
import type { RowPage } from '../page/api.ts';
import { servePage } from '../page/server/serve.ts';
import type { ArtifactReference, FileReference } from '../contracts/references.ts';
import { artifactFolder } from '../store/addresses.ts';
import { finishArtifact } from '../store/artifacts.ts';
import { LocalStore } from '../store/local-store.ts';
import { megabytes, median, short } from './bench.ts';
import type { BenchLine, BenchOptions } from './bench.ts';
import { withChildren } from './child.ts';
import { ownPeakBytes } from './processes.ts';
import { writeGradientShard } from '../tables/gradients.ts';
import type { GradientRows } from '../tables/gradients.ts';
import { identity, makeRun } from './report.ts';

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

/** Rows whose nearest ones are asked for. */
const NEAREST_OF = [0, 7, 11, 13];

/** Width of the gradients, as int8, and rows of a shard: 340 MB for a mixture, more than the page keeps. */
const SKETCH = 512;
const SHARD_ROWS = 50_000;
const BATCH_ROWS = 1000;

/** What the page's process has measured. */
interface Measured {
  /** Of the first row, and of further ones. */
  nearestMs: number[];
  /** Worst answer to a filter while nearest rows are looked for. */
  besideMs: number;
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
    const made = await makeRun(store, { ...config, store: { uri: store.uri } }, rowCount);
    const gradients = await makeGradients(store, rowCount);
    const result = { ...made, gradients: { gradients, reused: [], quarantined: [], warnings: [], cached: false } };
    await mkdir(join(folder, 'runs/bench'), { recursive: true });
    await writeFile(join(folder, 'runs/bench/result.json'), JSON.stringify(result));
    const found = await withChildren(1, 'page', folder, ([child]) => child!.run<Measured>('measure'));
    const worst = Math.max(...found.firstMs, ...found.laterMs);
    const times = `${short(median(found.laterMs))} ms the middle, ${short(worst)} ms the worst answer (goal 200)`;
    const search = `${short(found.searchMs)} ms a part of a search${found.isPartial ? '' : ', which is whole'}`;
    const memory = `${megabytes(found.heldBytes)} held, ${megabytes(found.peakBytes)} at most (goal 600)`;
    const [first = 0, ...others] = found.nearestMs;
    yield {
      name: 'nearest rows',
      facts: [
        `${short(first)} ms the first, ${short(median(others))} ms others`,
        `${short(found.besideMs)} ms the worst answer to a filter meanwhile (goal 200)`,
        `${rowCount} rows of ${SKETCH} int8`,
      ],
    };
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
  const measureNearest = async (): Promise<Pick<Measured, 'nearestMs' | 'besideMs'>> => {
    const nearestMs: number[] = [];
    let besideMs = 0;
    for (const row of NEAREST_OF) {
      const startedAt = performance.now();
      let isDone = false;
      const found = fetch(`${origin}/api/runs/bench/rows/${row}/nearest`, { headers: { cookie } })
        .then((answer) => answer.json())
        .finally(() => (isDone = true));
      for (let time = 0; !isDone; time += 1)
        besideMs = Math.max(besideMs, (await ask(QUERIES[time % QUERIES.length]!)).ms);
      if (((await found) as unknown[]).length !== 5) throw new Error('page: nearest rows must be 5, got others');
      nearestMs.push(performance.now() - startedAt);
    }
    return { nearestMs, besideMs };
  };
  const measure = async (): Promise<Measured> => {
    const { ms: openMs } = await ask('limit=1');
    const firstMs: number[] = [];
    const laterMs: number[] = [];
    for (const query of QUERIES) firstMs.push((await ask(query)).ms);
    for (let time = 0; time < TIMES; time += 1) for (const query of QUERIES) laterMs.push((await ask(query)).ms);
    const { ms: searchMs, page: found } = await ask('text=nothing%20says%20this');
    const { nearestMs, besideMs } = await measureNearest();
    const { rss: heldBytes } = process.memoryUsage();
    return {
      nearestMs,
      besideMs,
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

/** Random gradients of the rows, shard by shard. */
async function makeGradients(store: LocalStore, rowCount: number): Promise<ArtifactReference> {
  const address = 'bench'.padEnd(40, '0');
  const folder = artifactFolder('gradients', address);
  const width = { sketch: SKETCH, storage: 'int8' as const };
  const shardCount = Math.ceil(rowCount / SHARD_ROWS);
  const files: FileReference[] = [];
  for (let shard = 0; shard < shardCount; shard += 1) {
    const place = { folder, address, shard, shardCount };
    files.push(await writeGradientShard(store, place, width, shardBatches(shard * SHARD_ROWS, rowCount)));
  }
  const details = { ...width, parameterCount: 1, quarantined: [] };
  return finishArtifact(store, 'gradients', address, { determinants: {}, files, rowCount, details });
}

function* shardBatches(start: number, rowCount: number): Generator<GradientRows> {
  const end = Math.min(rowCount, start + SHARD_ROWS);
  for (let first = start; first < end; first += BATCH_ROWS) {
    const count = Math.min(BATCH_ROWS, end - first);
    const ones = new Float64Array(count).fill(1);
    yield {
      ...identity(first, count),
      loss: ones,
      supervisedTokenCount: new Uint32Array(count).fill(1),
      gradientNorm: ones,
      el2n: ones,
      gradient: randomFillSync(new Int8Array(count * SKETCH)),
      gradientScale: ones,
      reason: Array.from({ length: count }, () => null),
    };
  }
}
