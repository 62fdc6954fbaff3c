import type { InstanceValueColumns } from '../../algorithms/instance-values.ts';
import { bootstrapInterval, mean, standardDeviation } from '../../algorithms/statistics.ts';
import { finishTaskSums, taskWarnings } from '../../algorithms/task-values.ts';
import type { TaskStatistics } from '../../algorithms/task-values.ts';
import type { TaskValueKind } from '../../contracts/config.ts';
import type { EstimateValuesInput, TaskValue, ValuesResult } from '../../contracts/messages/values.ts';
import type { FileReference } from '../../contracts/references.ts';
import type { GradientSpace } from '../../contracts/summary.ts';
import { artifactFolder, canonicalJson, stageAddress } from '../../store/addresses.ts';
import type { Json } from '../../store/addresses.ts';
import { findArtifact, finishArtifact, readManifest } from '../../store/artifacts.ts';
import { tableSchema } from '../../tables/schemas.ts';
import type { Store } from '../../store/store.ts';
import { writeTable } from '../../tables/arrow-file.ts';
import type { TableRows } from '../../tables/arrow-file.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';
import { NO_TASK } from './pass.ts';
import type { ScannedRows } from './pass.ts';
import { GradientPasses, threadCountFor } from './passes.ts';
import { SPACE_FILE, describeSpace, sampleRows } from './space.ts';
import { openGradientTable } from '../../tables/gradient-files.ts';
import { startPulse } from '../shared/heartbeat.ts';
import { countRows } from '../shared/metrics.ts';
import { RowLookup } from '../shared/row-lookup.ts';

/** Tasks larger than this get a normal interval: the bootstrap would take long and say the same. */
const BOOTSTRAP_ROWS = 2000;
const RESAMPLES = 400;

/** Rows of one batch of the values table. */
const BATCH_ROWS = 65_536;

/** What the artifact says beside its table. */
interface ValuesDetails {
  tasks: TaskValue[];
  warnings: string[];
}

/** Stage values: gradients → value of every task and of every row. Three passes over the table, shared by threads; memory: a batch a thread, and about 200 bytes a row. */
export function createValuesActivities({ openStore }: ControlDependencies) {
  return {
    async estimateValues({ config, rows, gradients }: EstimateValuesInput): Promise<ValuesResult> {
      const pulse = startPulse('values', 'values');
      const store = openStore(config.store.uri);
      const { excludeTasks } = config.dataset;
      const determinants = valueDeterminants({ config, rows, gradients });
      const address = stageAddress('values', determinants);
      const found = await findAt(store, address);
      if (found !== null) return found;
      const table = await openGradientTable(store, gradients);
      const passes = new GradientPasses(store, table, threadCountFor(table), pulse);
      const scanned = await passes.scan();
      const eligible = joinRows(scanned, await RowLookup.read(store, rows), excludeTasks);
      const statistics = finishTaskSums(await passes.sum(eligible.taskIndex, eligible.maxima));
      const sampled = sampleRows(scanned.contentHash, eligible.taskIndex);
      const scores = await passes.score(eligible.taskIndex, statistics, config.values.selfTerm, sampled);
      const space = describeSpace(scores.sample, sampled, eligible, statistics);
      const columns = usableColumns(scanned, eligible, scores);
      countRows('values', columns.rowIndex.length);
      await pulse.pause();
      const tasks = describeTasks(eligible.names, statistics, columns, config.values.taskValue, config.run.seed);
      const warnings = taskWarnings(eligible.names, statistics);
      const folder = artifactFolder('values', address);
      const file = await writeTable(
        store,
        folder,
        'values.arrow',
        tableSchema('values'),
        valueBatches(columns, eligible.names),
      );
      const details = { tasks, warnings } as unknown as Json;
      const values = await finishArtifact(store, 'values', address, {
        determinants,
        files: [file, await writeSpace(store, folder, space)],
        rowCount: file.rowCount,
        details,
      });
      return { values, tasks, warnings, cached: false };
    },
  };
}

async function writeSpace(store: Store, folder: string, space: GradientSpace): Promise<FileReference> {
  const written = await store.write(`${folder}/${SPACE_FILE}`, [
    Buffer.from(`${canonicalJson(space as unknown as Json)}\n`),
  ]);
  return { name: SPACE_FILE, rowCount: 0, ...written };
}

function valueDeterminants({ config, rows, gradients }: EstimateValuesInput) {
  return {
    rows: rows.sha256,
    gradients: gradients.map(({ sha256 }) => sha256),
    values: { ...config.values },
    excludeTasks: config.dataset.excludeTasks,
    seed: config.run.seed,
  };
}

/** The values that an earlier run has estimated, or null. */
export function findValues(store: Store, input: EstimateValuesInput): Promise<ValuesResult | null> {
  return findAt(store, stageAddress('values', valueDeterminants(input)));
}

async function findAt(store: Store, address: string): Promise<ValuesResult | null> {
  const found = await findArtifact(store, 'values', address);
  if (found === null) return null;
  const details = (await readManifest(store, found)).details as unknown as ValuesDetails;
  return { values: found, ...details, cached: true };
}

/** Rows of the table joined with those of the dataset by content. */
interface EligibleRows {
  /** Eligible tasks in code-unit order. */
  names: string[];
  /** [task] largest |z|. */
  maxima: Float64Array;
  /** [row of the table] place in `names`, or NO_TASK: a row of no use, of an excluded task, or one that the dataset has no more. */
  taskIndex: Int32Array;
  /** [row of the table] row of the dataset. */
  rowIndex: Uint32Array;
}

/** Gives every row of the table the task and place that the dataset gives it now. Equal contents are taken in order. */
function joinRows(scanned: ScannedRows, lookup: RowLookup, excluded: readonly string[]): EligibleRows {
  const count = scanned.usable.length;
  const tasks: (string | null)[] = [];
  const rowIndex = new Uint32Array(count);
  const largest = new Map<string, number>();
  const take = lookup.taker();
  for (let row = 0; row < count; row += 1) {
    const position = take(scanned.contentHash, row * 32);
    const task = position < 0 ? null : lookup.task(position);
    const isEligible = task !== null && scanned.usable[row] === 1 && !excluded.includes(task);
    tasks.push(isEligible ? task : null);
    if (!isEligible) continue;
    rowIndex[row] = lookup.rowIndex(position);
    largest.set(task, Math.max(largest.get(task) ?? 0, scanned.largest[row]!));
  }
  const names = [...largest.keys()].sort();
  const index = new Map(names.map((name, place) => [name, place]));
  return {
    names,
    maxima: Float64Array.from(names, (name) => largest.get(name)!),
    taskIndex: Int32Array.from(tasks, (task) => (task === null ? NO_TASK : index.get(task)!)),
    rowIndex,
  };
}

/** All scalars of the usable rows, in the order of the table. */
interface ValueColumns extends InstanceValueColumns {
  rowIndex: Uint32Array;
  contentHash: Uint8Array;
  taskIndex: Uint32Array;
  loss: Float64Array;
  supervisedTokenCount: Uint32Array;
  gradientNorm: Float64Array;
  el2n: Float64Array;
}

function usableColumns(
  scanned: ScannedRows,
  { taskIndex, rowIndex }: EligibleRows,
  scores: InstanceValueColumns,
): ValueColumns {
  const rows = Uint32Array.from(taskIndex.keys()).filter((row) => taskIndex[row] !== NO_TASK);
  const contentHash = new Uint8Array(rows.length * 32);
  rows.forEach((row, position) =>
    contentHash.set(scanned.contentHash.subarray(row * 32, (row + 1) * 32), position * 32),
  );
  const numbers = (column: Float64Array): Float64Array => Float64Array.from(rows, (row) => column[row]!);
  return {
    rowIndex: rows.map((row) => rowIndex[row]!),
    contentHash,
    taskIndex: rows.map((row) => taskIndex[row]!),
    loss: numbers(scanned.loss),
    supervisedTokenCount: rows.map((row) => scanned.supervisedTokenCount[row]!),
    gradientNorm: numbers(scanned.gradientNorm),
    el2n: numbers(scanned.el2n),
    mean_of_cosines: numbers(scores.mean_of_cosines),
    cosine_to_mean: numbers(scores.cosine_to_mean),
  };
}

function describeTasks(
  names: readonly string[],
  statistics: TaskStatistics,
  columns: ValueColumns,
  kind: TaskValueKind,
  seed: number,
): TaskValue[] {
  const positions: number[][] = names.map(() => []);
  columns.taskIndex.forEach((taskIndex, position) => positions[taskIndex]!.push(position));
  return names.map((task, taskIndex) => {
    const rows = positions[taskIndex]!;
    const values = Float64Array.from(rows, (position) => rowValue(columns, position, kind));
    const average = (column: ArrayLike<number>): number => mean(rows.map((position) => column[position]!));
    return {
      task,
      rowCount: rows.length,
      value: statistics.taskValue[kind][taskIndex]!,
      interval: valueInterval(values, `bootstrap/values/${task}`, seed),
      meanLoss: average(columns.loss),
      meanSupervisedTokens: average(columns.supervisedTokenCount),
    };
  });
}

function rowValue({ gradientNorm, supervisedTokenCount }: ValueColumns, position: number, kind: TaskValueKind): number {
  const norm = gradientNorm[position]!;
  if (kind === 'self_influence') return norm * norm;
  return kind === 'gradient_norm' ? norm : norm * supervisedTokenCount[position]!;
}

function valueInterval(values: Float64Array, stream: string, seed: number): [number, number] | null {
  if (values.length < 2) return null;
  if (values.length > BOOTSTRAP_ROWS) {
    const half = (1.96 * standardDeviation(values)) / Math.sqrt(values.length);
    return [mean(values) - half, mean(values) + half];
  }
  const { low, high } = bootstrapInterval(values, { confidence: 0.95, resampleCount: RESAMPLES, stream, seed });
  return [low, high];
}

function* valueBatches(columns: ValueColumns, names: readonly string[]): Generator<TableRows> {
  for (let start = 0; start < columns.rowIndex.length; start += BATCH_ROWS) {
    const end = Math.min(columns.rowIndex.length, start + BATCH_ROWS);
    yield {
      rowCount: end - start,
      columns: {
        row_index: columns.rowIndex.subarray(start, end),
        content_hash: columns.contentHash.subarray(start * 32, end * 32),
        task: Array.from(columns.taskIndex.subarray(start, end), (taskIndex) => names[taskIndex]!),
        loss: columns.loss.subarray(start, end),
        supervised_token_count: columns.supervisedTokenCount.subarray(start, end),
        gradient_norm: columns.gradientNorm.subarray(start, end),
        el2n: columns.el2n.subarray(start, end),
        mean_of_cosines: columns.mean_of_cosines.subarray(start, end),
        cosine_to_mean: columns.cosine_to_mean.subarray(start, end),
      },
    };
  }
}
