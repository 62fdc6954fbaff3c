// Bench of a new selection from a gradient table of LLaVA-1.5's size: every kind of method, and the filters.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createAllocationActivities } from '../activities/selection/allocation.ts';
import { createFilterActivities } from '../activities/selection/filter.ts';
import { createSelectionActivities } from '../activities/selection/stage.ts';
import { createValuesActivities } from '../activities/values/stage.ts';
import { createRandom } from '../algorithms/random-stream.ts';
import { loadPreset } from '../client/recipe/recipe.ts';
import type { Config, SelectionMethod } from '../contracts/config.ts';
import type { EstimateValuesInput, ValuesResult } from '../contracts/messages/values.ts';
import { filtersOf, leastTrajectory, METHOD_NAMES, readsGradients } from '../contracts/methods.ts';
import type { FileReference } from '../contracts/references.ts';
import { createStoreOpener } from '../plugins/store-opener.ts';
import { artifactFolder } from '../store/addresses.ts';
import { finishArtifact } from '../store/artifacts.ts';
import { LocalStore } from '../store/local-store.ts';
import { writeGradientShard } from '../tables/gradients.ts';
import type { GradientRows } from '../tables/gradients.ts';
import { rowsTable } from '../tables/rows.ts';
import { megabytes, short } from './bench.ts';
import type { BenchLine, BenchOptions } from './bench.ts';
import { withChildren } from './child.ts';
import { madeFacts, madeRows } from './made-rows.ts';
import { ownPeakBytes } from './processes.ts';

const SKETCH = 1024;
const ROWS_OF_SHARD = 16_384;
const ROWS_OF_BATCH = 1024;

/** Rows of LLaVA-1.5's tasks, of 665,298. */
const TASK_ROWS = [157_712, 91_781, 86_417, 80_000, 72_140, 66_160, 48_447, 40_688, 21_953];

/** Square of the cosine of a row with its task's common direction, and share of rows that are copies with noise. */
const COMMON_PART = 0.3;
const COPY_SHARE = 0.1;

/** One method of every kind of work: values alone, and what reads gradients. */
const MEASURED = [
  'tive',
  // The tables here are made up, and have no losses at checkpoints.
  ...METHOD_NAMES.filter((name) => leastTrajectory(name) === 0).filter(
    (name) => readsGradients(name) || filtersOf(name, {}).length > 0,
  ),
] as const;

/** Seconds and bytes of one selection. */
const SECONDS_GOAL = 60;
const BYTES_GOAL = 1.5e9;

interface Timed {
  seconds: number;
  /** Of all cores: beside other work it says more than the time that went by. */
  cpuSeconds: number;
  peakBytes: number | null;
  droppedCount: number;
}

interface Work {
  config: Config;
  input: EstimateValuesInput;
}

/** One process a method: its time from the values on, and its peak. */
export async function* bench({ rowCount = 665_298 }: BenchOptions): AsyncGenerator<BenchLine> {
  const folder = await mkdtemp(join(tmpdir(), 'tive-bench-select-'));
  try {
    const store = new LocalStore(join(folder, 'store'));
    const { config } = loadPreset('demo');
    const own = { ...config, store: { uri: store.uri }, run: { ...config.run, outputDir: folder } };
    const work: Work = { config: own, input: await writeTables(store, own, rowCount) };
    await withChildren(1, 'select', work, ([child]) => child!.run('values'));
    for (const method of MEASURED) {
      const { seconds, cpuSeconds, peakBytes, droppedCount } = await withChildren(1, 'select', work, ([child]) =>
        child!.run<Timed>(method),
      );
      yield {
        name: `select ${method}`,
        facts: [
          `${short(seconds)} s (goal for 665,298 rows ${SECONDS_GOAL})`,
          `${short(cpuSeconds)} s of CPU`,
          `peak ${peakBytes === null ? 'unknown' : megabytes(peakBytes)} (goal ${BYTES_GOAL / 1e6})`,
          `${rowCount} rows × ${SKETCH} int8`,
          ...(droppedCount > 0
            ? [`${droppedCount} rows left out, about ${Math.round(COPY_SHARE * rowCount)} planted`]
            : []),
        ],
      };
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Step `values`, and one for each method. */
export function prepare({ config, input }: Work): Record<string, () => Promise<unknown>> {
  const dependencies = { openStore: createStoreOpener() };
  const { estimateValues } = createValuesActivities(dependencies);
  const { allocateRows } = createAllocationActivities();
  const { filterRows } = createFilterActivities(dependencies);
  const { selectRows } = createSelectionActivities(dependencies);
  const run = <Result, Input>(activity: (argument: Input) => Promise<Result>, argument: Input): Promise<Result> =>
    new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(activity, argument);
  const estimate = (): Promise<ValuesResult> => run(estimateValues, { ...input, config });
  const select = async (method: SelectionMethod): Promise<Timed> => {
    const { values, tasks } = await estimate();
    const { rows, gradients } = input;
    const start = performance.now();
    const used = process.cpuUsage();
    const filters = filtersOf(method, config.selection);
    const filter = filters.length > 0 ? await run(filterRows, { config, filters, values, rows, gradients }) : null;
    const kept = filter?.tasks.map(({ task, keptCount }) => ({ task, keptCount }));
    const allocation = await run(allocateRows, {
      ...{ config, method, tasks, allRowCount: rows.rowCount },
      ...(kept && { kept }),
    });
    const more = { ...(filter && { filtered: filter.filtered }), ...(readsGradients(method) && { gradients }) };
    await run(selectRows, { config, method, values, allocation, ...more });
    const droppedCount = filter?.tasks.reduce((sum, task) => sum + task.rowCount - task.keptCount, 0) ?? 0;
    const { user, system } = process.cpuUsage(used);
    const seconds = (performance.now() - start) / 1000;
    return { seconds, cpuSeconds: (user + system) / 1e6, peakBytes: ownPeakBytes(), droppedCount };
  };
  return {
    values: estimate,
    ...Object.fromEntries(METHOD_NAMES.map((method) => [method, () => select(method)])),
  };
}

async function writeTables(store: LocalStore, config: Config, rowCount: number): Promise<EstimateValuesInput> {
  const files: FileReference[] = [];
  const address = 'a'.repeat(40);
  const folder = artifactFolder('gradients', address);
  const shardCount = Math.ceil(rowCount / ROWS_OF_SHARD);
  const maker = new CodeMaker(rowCount);
  for (let start = 0; start < rowCount; start += ROWS_OF_SHARD) {
    const place = { folder, address, shard: files.length, shardCount };
    const batches = gradientBatches(maker, start, Math.min(rowCount, start + ROWS_OF_SHARD));
    files.push(await writeGradientShard(store, place, { sketch: SKETCH, storage: 'int8' }, batches));
  }
  const details = { sketch: SKETCH, storage: 'int8' as const, parameterCount: SKETCH, quarantined: [] };
  const gradients = await finishArtifact(store, 'gradients', address, { determinants: {}, files, rowCount, details });
  const rowsAddress = 'b'.repeat(40);
  const file = await rowsTable.write(
    store,
    artifactFolder('dataset', rowsAddress),
    madeRows(rowCount, ROWS_OF_SHARD, (row) => maker.task(row)),
  );
  const made = { determinants: {}, files: [file], rowCount, details: {} };
  return { config, rows: await finishArtifact(store, 'dataset', rowsAddress, made), gradients: [gradients] };
}

/** Codes of rows: a direction of the task and noise, or an earlier row of the task with a little noise. */
class CodeMaker {
  readonly #random = createRandom('bench/select', 1);
  readonly #noise: Float32Array;
  readonly #means: Float32Array[];
  readonly #last: (Int8Array | undefined)[] = [];
  /** First rows of the tasks, scaled to the number of rows. */
  readonly #ends: number[];

  constructor(rowCount: number) {
    this.#noise = Float32Array.from({ length: 2 ** 20 + SKETCH }, () => this.#random.normal());
    this.#means = TASK_ROWS.map(() => Float32Array.from({ length: SKETCH }, () => this.#random.normal()));
    const total = TASK_ROWS.reduce((sum, count) => sum + count, 0);
    let before = 0;
    this.#ends = TASK_ROWS.map((count) => ((before += count) / total) * rowCount);
  }

  task(row: number): number {
    return this.#ends.findIndex((end) => row < end);
  }

  write(row: number, codes: Int8Array): void {
    const task = this.task(row);
    const last = this.#last[task];
    const noise = this.#noise.subarray(this.#random.integer(2 ** 20));
    const isCopy = last !== undefined && this.#random.uniform() < COPY_SHARE;
    const [common, own] = [Math.sqrt(COMMON_PART), Math.sqrt(1 - COMMON_PART)];
    const mean = this.#means[task]!;
    for (let place = 0; place < SKETCH; place += 1) {
      const value = isCopy ? last[place]! + 3 * noise[place]! : 30 * (common * mean[place]! + own * noise[place]!);
      codes[place] = Math.max(-127, Math.min(127, Math.round(value)));
    }
    if (!isCopy) this.#last[task] = codes.slice();
  }
}

function* gradientBatches(maker: CodeMaker, shardStart: number, shardEnd: number): Generator<GradientRows> {
  for (let start = shardStart; start < shardEnd; start += ROWS_OF_BATCH) {
    const count = Math.min(shardEnd, start + ROWS_OF_BATCH) - start;
    const gradient = new Int8Array(count * SKETCH);
    for (let row = 0; row < count; row += 1)
      maker.write(start + row, gradient.subarray(row * SKETCH, (row + 1) * SKETCH));
    yield {
      ...madeFacts(start, count, (row) => maker.task(row)),
      gradient,
      gradientScale: Float64Array.from({ length: count }, (_, row) => (1 + ((start + row) % 5)) / 127),
    };
  }
}
