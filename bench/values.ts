// Bench of the values stage over a gradient table of LLaVA-1.5's size, by storage and threads.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createAllocationActivities } from '../activities/selection/allocation.ts';
import { createSelectionActivities } from '../activities/selection/stage.ts';
import { createValuesActivities } from '../activities/values/stage.ts';
import { createRandom } from '../algorithms/random-stream.ts';
import { loadPreset } from '../client/recipe/recipe.ts';
import type { Config, GradientsConfig } from '../contracts/config.ts';
import type { SelectionResult } from '../contracts/messages/selection.ts';
import type { EstimateValuesInput, ValuesResult } from '../contracts/messages/values.ts';
import type { ArtifactReference, FileReference } from '../contracts/references.ts';
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

type Storage = GradientsConfig['storage'];

const SKETCH = 8192;
const ROWS_OF_SHARD = 4096;
const ROWS_OF_BATCH = 256;
const TASK_COUNT = 10;

/** Seconds on two cores for 665,298 rows. */
const GOALS: Record<Storage, number> = { int8: 40, float32: 120 };
const CHANGE_GOAL = 2;

/** What a step has found. */
interface Timed {
  seconds: number;
  peakBytes: number | null;
}

interface Work {
  config: Config;
  input: EstimateValuesInput;
}

/** Values, allocation and selection over a large table of gradients; then from cached values with other settings. */
export async function* bench({ rowCount = 665_298 }: BenchOptions): AsyncGenerator<BenchLine> {
  for (const storage of ['int8', 'float32'] as const) {
    const folder = await mkdtemp(join(tmpdir(), 'tive-bench-values-'));
    try {
      const store = new LocalStore(join(folder, 'store'));
      const { config } = loadPreset('demo');
      const input = await writeTables(store, { ...config, store: { uri: store.uri } }, storage, rowCount);
      const reading = await timed(() => readAll(store, input.gradients[0]!.uri));
      yield* await withChildren(1, 'values', { config: input.config, input }, async ([child]) => {
        const all = await child!.run<Timed>('all');
        const [lambda, budget] = [await child!.run<Timed>('lambda'), await child!.run<Timed>('budget')];
        const goal = `(goal for 665,298 rows ${GOALS[storage]})`;
        return [
          {
            name: `values ${storage}`,
            facts: [
              `${short(all.seconds)} s ${goal}`,
              `${short(rowCount / all.seconds)} rows/s`,
              `peak ${all.peakBytes === null ? 'unknown' : megabytes(all.peakBytes)} (goal 1000)`,
              `reading and hashing the table once, one thread: ${short(reading.seconds)} s`,
              `${rowCount} rows × ${SKETCH}`,
            ],
          },
          {
            name: `values ${storage}`,
            facts: [
              `new lambda ${short(lambda.seconds)} s`,
              `new budget ${short(budget.seconds)} s (goal ${CHANGE_GOAL} each)`,
            ],
          },
        ];
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

async function readAll(store: LocalStore, folder: string): Promise<void> {
  for (const key of await store.list(folder)) {
    const hash = createHash('sha256');
    const path = join(store.uri, key);
    for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece as Uint8Array);
  }
}

async function timed(work: () => Promise<unknown>): Promise<Timed> {
  const start = performance.now();
  await work();
  return { seconds: (performance.now() - start) / 1000, peakBytes: ownPeakBytes() };
}

/** Steps `all`, `lambda` and `budget`. */
export function prepare({ config, input }: Work): Record<string, () => Promise<Timed>> {
  const dependencies = { openStore: createStoreOpener() };
  const { estimateValues } = createValuesActivities(dependencies);
  const { allocateRows } = createAllocationActivities();
  const { selectRows } = createSelectionActivities(dependencies);
  const run = <Result, Input>(activity: (argument: Input) => Promise<Result>, argument: Input): Promise<Result> =>
    new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(activity, argument);
  const select = async (changed: Config): Promise<SelectionResult> => {
    const { values, tasks } = (await run(estimateValues, { ...input, config: changed })) as ValuesResult;
    const allRowCount = input.rows.rowCount;
    const allocation = await run(allocateRows, { config: changed, method: 'tive', tasks, allRowCount });
    return run(selectRows, { config: changed, method: 'tive', values, allocation });
  };
  const { selection, allocation } = config;
  return {
    all: () => timed(() => select(config)),
    lambda: () => timed(() => select({ ...config, selection: { ...selection, lambda: 17 } })),
    budget: () => timed(() => select({ ...config, allocation: { ...allocation, budgetFraction: 0.11 } })),
  };
}

/** Rows and gradients as a dataset of that size would have them, with random numbers. */
async function writeTables(
  store: LocalStore,
  config: Config,
  storage: Storage,
  rowCount: number,
): Promise<EstimateValuesInput> {
  const random = createRandom('bench/values', 1);
  const values = Float32Array.from({ length: ROWS_OF_BATCH * SKETCH }, () => random.normal());
  const stored = storage === 'int8' ? Int8Array.from(values, (value) => Math.round(30 * value)) : values;
  const files: FileReference[] = [];
  const address = 'a'.repeat(40);
  const folder = artifactFolder('gradients', address);
  const shardCount = Math.ceil(rowCount / ROWS_OF_SHARD);
  for (let start = 0; start < rowCount; start += ROWS_OF_SHARD) {
    const end = Math.min(rowCount, start + ROWS_OF_SHARD);
    const batches = gradientBatches(stored, start, end);
    const place = { folder, address, shard: files.length, shardCount };
    files.push(await writeGradientShard(store, place, { sketch: SKETCH, storage }, batches));
  }
  const details = { sketch: SKETCH, storage, parameterCount: SKETCH, quarantined: [] };
  const gradients = await finishArtifact(store, 'gradients', address, { determinants: {}, files, rowCount, details });
  const rows = await writeRows(store, rowCount);
  return { config, rows, gradients: [gradients] };
}

function* gradientBatches(
  stored: Int8Array | Float32Array,
  shardStart: number,
  shardEnd: number,
): Generator<GradientRows> {
  for (let start = shardStart; start < shardEnd; start += ROWS_OF_BATCH) {
    const count = Math.min(shardEnd, start + ROWS_OF_BATCH) - start;
    yield {
      ...madeFacts(start, count, taskOf),
      gradient: stored.subarray(0, count * SKETCH),
      gradientScale: Float64Array.from({ length: count }, (_, row) =>
        stored instanceof Int8Array ? (1 + ((start + row) % 5)) / 127 : 1,
      ),
    };
  }
}

async function writeRows(store: LocalStore, rowCount: number): Promise<ArtifactReference> {
  const address = 'b'.repeat(40);
  const file = await rowsTable.write(
    store,
    artifactFolder('dataset', address),
    madeRows(rowCount, ROWS_OF_SHARD, taskOf),
  );
  return finishArtifact(store, 'dataset', address, { determinants: {}, files: [file], rowCount, details: {} });
}

function taskOf(row: number): number {
  return row % TASK_COUNT;
}
