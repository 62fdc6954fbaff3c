// Bench of the report over a mixture's number of rows: time, size of the page, memory.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { SPACE_FILE } from '../activities/values/space.ts';
import { createReportActivities } from '../activities/report/stage.ts';
import { createRandom } from '../algorithms/random-stream.ts';
import { loadPreset } from '../client/recipe/recipe.ts';
import type { Config } from '../contracts/config.ts';
import type { ReportResult, RunResult } from '../contracts/messages/run.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import { STAGES } from '../contracts/stages.ts';
import type { Stage } from '../contracts/stages.ts';
import { jsonRows } from '../dataset/rows/row-source.ts';
import { artifactFolder } from '../store/addresses.ts';
import { finishArtifact } from '../store/artifacts.ts';
import { LocalStore } from '../store/local-store.ts';
import type { ValuesBatch } from '../tables/values.ts';
import { valuesTable } from '../tables/values.ts';
import { rowsTable } from '../tables/rows.ts';
import type { RowsBatch } from '../tables/rows.ts';
import { selectionTable } from '../tables/selection.ts';
import type { Columns, FileTable, Rows } from '../tables/table.ts';
import { megabytes, short } from './bench.ts';
import type { BenchLine, BenchOptions } from './bench.ts';

const TASK_COUNT = 10;
const ROWS_OF_BATCH = 65_536;
const BUDGET_SHARE = 0.15;

/** A row of the demo: where it stands, and its picture. */
interface Place {
  byteStart: number;
  byteEnd: number;
  image: string | null;
}

/**
 * The report of a run as large as LLaVA's mixture, whose dialogues and pictures are those of the demo again and again.
 */
export async function* bench({ rowCount = 665_298 }: BenchOptions): AsyncGenerator<BenchLine> {
  const folder = await mkdtemp(join(tmpdir(), 'tive-bench-report-'));
  try {
    const { config } = loadPreset('demo');
    const store = new LocalStore(join(folder, 'store'));
    const result = await makeRun(store, { ...config, store: { uri: store.uri } }, rowCount);
    const { writeReport } = createReportActivities({ openStore: () => store });
    const startedAt = performance.now();
    const made = (await new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(writeReport, {
      result,
    })) as ReportResult;
    const seconds = (performance.now() - startedAt) / 1000;
    const { size } = await stat(join(store.uri, made.report.uri, 'report.html'));
    const facts = [`${short(seconds)} s (goal 60)`, `${megabytes(size)} (goal 10)`, `${rowCount} rows`];
    yield { name: 'report', facts };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A run until its selection, as large as is wanted, in a store. */
export async function makeRun(store: LocalStore, config: Config, rowCount: number): Promise<RunResult> {
  const places = await demoPlaces(config.dataset.path[0]!);
  const random = createRandom('bench/report', 1);
  const rows = await artifact(store, 'dataset', rowsTable, rowCount, (start, count) =>
    rowColumns(places, start, count),
  );
  const values = await artifact(store, 'values', valuesTable, rowCount, (start, count) => ({
    ...identity(start, count),
    loss: numbers(count, () => 3 * random.uniform()),
    supervisedTokenCount: Uint32Array.from({ length: count }, () => 1 + Math.floor(90 * random.uniform())),
    gradientNorm: numbers(count, () => 1 + 20 * random.uniform()),
    el2n: numbers(count, () => random.uniform()),
    meanOfCosines: numbers(count, () => random.uniform() - 0.3),
    cosineToMean: numbers(count, () => random.uniform() - 0.3),
  }), spaceOf(rowCount)); // oxfmt-ignore
  const budget = Math.round(BUDGET_SHARE * rowCount);
  const every = Math.floor(rowCount / budget);
  const selection = await artifact(store, 'selection', selectionTable, budget, (start, count) => ({
    ...identity(start * every, count, every),
    copies: new Uint32Array(count).fill(1),
    probability: numbers(count, () => BUDGET_SHARE),
    rank: Uint32Array.from({ length: count }, (_, row) => start + row),
  })); // oxfmt-ignore
  return describeRun(config, { rows, values, selection }, rowCount, budget);
}

function describeRun(
  config: Config,
  { rows, values, selection }: Record<'rows' | 'values' | 'selection', ArtifactReference>,
  rowCount: number,
  budget: number,
): RunResult {
  const tasks = Array.from({ length: TASK_COUNT }, (_, task) => `task-${task}`);
  const size = Math.floor(rowCount / TASK_COUNT);
  const quota = Math.floor(budget / TASK_COUNT);
  const valued = tasks.map((task) => ({
    task,
    rowCount: size,
    value: 11,
    interval: [10.9, 11.1] as [number, number],
    meanLoss: 1.5,
    meanSupervisedTokens: 45,
  }));
  const allocated = valued.map(({ task, value }) => ({ task, rows: size, value, share: 0.1, ideal: quota, quota }));
  const selected = tasks.map((task) => ({ task, selected: quota, copies: quota, effectiveShare: 0.9 }));
  return {
    runName: 'bench',
    config: { ...config, dataset: { ...config.dataset, taskRules: null } },
    dataset: {
      rows,
      rowCount,
      usableCount: rowCount,
      quarantined: [],
      duplicateCount: 0,
      microBatchCount: 1,
      shardCount: 1,
      tokenCount: rowCount * 600,
      warnings: [],
      cached: false,
      tasks: tasks.map((task) => ({ task, rowCount: size, usableCount: size })),
    },
    warmup: null,
    gradients: null,
    values: { values, tasks: valued, warnings: [], cached: false },
    methods: [
      {
        method: 'tive',
        allocation: { method: 'tive', budget, tasks: allocated, warnings: [] },
        selection: { method: 'tive', selection, rowCount: budget, tasks: selected, warnings: [], cached: false },
        finetune: null,
        evaluation: null,
      },
    ],
    baseEvaluation: null,
    evaluationRows: null,
    warnings: [],
    report: null,
    reselection: null,
    stages: STAGES.map((stage) => ({
      stage,
      state: 'done',
      detail: '',
      doneCount: 1,
      totalCount: 1,
      startedAtMs: 0,
      durationMs: 1000,
    })),
  } as RunResult;
}

async function artifact<Of extends Columns>(
  store: LocalStore,
  stage: Stage,
  table: FileTable<Of>,
  rowCount: number,
  batchOf: (start: number, count: number) => Rows<Of>,
  extra: { name: string; text: string } | null = null,
): Promise<ArtifactReference> {
  const address = createHash('sha256').update(stage).digest('hex').slice(0, 40);
  const folder = artifactFolder(stage, address);
  const batches = function* (): Generator<Rows<Of>> {
    for (let start = 0; start < rowCount; start += ROWS_OF_BATCH) {
      const count = Math.min(ROWS_OF_BATCH, rowCount - start);
      yield batchOf(start, count);
    }
  };
  const files = [await table.write(store, folder, batches())];
  const texts = extra === null ? [] : [extra];
  if (stage === 'dataset') texts.push({ name: 'quarantine.jsonl', text: '' });
  for (const { name, text } of texts)
    files.push({ name, rowCount: 0, ...(await store.write(`${folder}/${name}`, [Buffer.from(text)])) });
  return finishArtifact(store, stage, address, { determinants: {}, files, rowCount, details: {} });
}

/** Made-up rows: each content is its row's own. */
export function identity(
  start: number,
  count: number,
  every = 1,
): Pick<ValuesBatch, 'rowCount' | 'rowIndex' | 'contentHash' | 'task'> {
  const contentHash = new Uint8Array(count * 32);
  const index = Uint32Array.from({ length: count }, (_, row) => start + row * every);
  index.forEach((row, place) => contentHash.set(createHash('sha256').update(String(row)).digest(), place * 32));
  return {
    rowCount: count,
    rowIndex: index,
    contentHash,
    task: Array.from(index, (row) => `task-${row % TASK_COUNT}`),
  };
}

function rowColumns(places: readonly Place[], start: number, count: number): RowsBatch {
  const own = Array.from({ length: count }, (_, row) => places[(start + row) % places.length]!);
  const zeros = new Uint32Array(count);
  const nothing = own.map(() => null);
  return {
    ...identity(start, count),
    sourceIndex: zeros,
    byteStart: BigInt64Array.from(own, ({ byteStart }) => BigInt(byteStart)),
    byteEnd: BigInt64Array.from(own, ({ byteEnd }) => BigInt(byteEnd)),
    id: nothing,
    reason: nothing,
    image: own.map(({ image }) => image),
    truncated: own.map(() => false),
    tokenCount: zeros,
    imageTokenCount: zeros,
    supervisedTokenCount: zeros,
    microBatch: zeros,
    shard: zeros,
  };
}

function numbers(count: number, value: () => number): Float64Array {
  return Float64Array.from({ length: count }, value);
}

async function demoPlaces(path: string): Promise<Place[]> {
  const places: Place[] = [];
  for await (const { bytes, byteStart, byteEnd } of jsonRows(path)) {
    const { image } = JSON.parse(Buffer.from(bytes!).toString('utf8')) as { image?: string };
    places.push({ byteStart, byteEnd, image: image ?? null });
  }
  return places;
}

function spaceOf(rowCount: number): { name: string; text: string } {
  const random = createRandom('bench/space', 1);
  const points = Array.from({ length: 600 }, (_, index) => ({
    rowIndex: index * Math.floor(rowCount / 600),
    task: `task-${index % TASK_COUNT}`,
    x: random.uniform(),
    y: random.uniform(),
    nearestCosine: random.uniform(),
  }));
  const tasks = Array.from({ length: TASK_COUNT }, (_, task) => `task-${task}`);
  const taskCosines = tasks.map((_, row) => tasks.map((__, column) => (row === column ? 1 : 0.3)));
  return { name: SPACE_FILE, text: JSON.stringify({ points, explained: [0.2, 0.1], tasks, taskCosines }) };
}
