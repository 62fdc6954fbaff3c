import { createInstanceScorer } from '../algorithms/instance-values.ts';
import type { InstanceValueColumns } from '../algorithms/instance-values.ts';
import { bootstrapInterval, mean, standardDeviation } from '../algorithms/statistics.ts';
import { addMaximum, addRow, createTaskSums, finishTaskSums, taskWarnings } from '../algorithms/task-values.ts';
import type { TaskStatistics } from '../algorithms/task-values.ts';
import type { TaskValueKind } from '../contracts/config.ts';
import { InvalidConfigError } from '../contracts/failures.ts';
import type { EstimateValuesInput, TaskValue, ValuesResult } from '../contracts/messages.ts';
import { artifactFolder, stageAddress } from '../store/addresses.ts';
import type { Json } from '../store/addresses.ts';
import { findArtifact, finishArtifact, readManifest } from '../store/artifacts.ts';
import { tableSchema } from '../store/schemas.ts';
import { writeTable } from '../store/tables.ts';
import type { TableRows } from '../store/tables.ts';
import type { ControlDependencies } from './dependencies.ts';
import { openGradientTable } from './gradient-table.ts';
import type { GradientBatch, GradientTable } from './gradient-table.ts';
import { startPulse } from './heartbeat.ts';
import type { Pulse } from './heartbeat.ts';
import { countRows } from './metrics.ts';

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

/** Stage values: gradients → value of every task and of every row. Three passes over the table, one batch in memory. */
export function createValuesActivities({ openStore }: ControlDependencies) {
  return {
    async estimateValues({ config, rows, gradients }: EstimateValuesInput): Promise<ValuesResult> {
      const pulse = startPulse('values', 'values');
      const store = openStore(config.store.uri);
      const { excludeTasks } = config.dataset;
      const determinants = {
        rows: rows.sha256,
        gradients: gradients.map(({ sha256 }) => sha256),
        values: { ...config.values },
        excludeTasks,
        seed: config.run.seed,
      };
      const address = stageAddress('values', determinants);
      const found = await findArtifact(store, 'values', address);
      if (found !== null) {
        const details = (await readManifest(store, found)).details as unknown as ValuesDetails;
        return { values: found, ...details, cached: true };
      }
      const table = await openGradientTable(store, rows, gradients);
      const eligible = await listTasks(table, excludeTasks, pulse);
      const statistics = await sumTasks(table, eligible, pulse);
      const columns = await scoreRows(table, eligible, statistics, config.values.selfTerm, pulse);
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
        files: [file],
        rowCount: file.rowCount,
        details,
      });
      return { values, tasks, warnings, cached: false };
    },
  };
}

interface EligibleTasks {
  /** In code-unit order. */
  names: string[];
  index: ReadonlyMap<string, number>;
  /** `[task]` largest |z|. */
  maxima: Float64Array;
  rowCount: number;
}

/** First pass: which tasks there are, their rows and bounds. */
async function listTasks(table: GradientTable, excluded: readonly string[], pulse: Pulse): Promise<EligibleTasks> {
  const { sketch } = table;
  const largest = new Map<string, Float64Array>();
  const seen = new Set<string>();
  let rowCount = 0;
  for await (const part of table.batches()) {
    for (const [row, task] of part.tasks.entries()) {
      if (task === null) continue;
      seen.add(task);
      if (part.reasons[row] !== null || excluded.includes(task)) continue;
      rowCount += 1;
      let maximum = largest.get(task);
      if (maximum === undefined) largest.set(task, (maximum = new Float64Array(1)));
      addMaximum(maximum, 0, part.gradient, row * sketch, sketch);
    }
    await pulse.pause();
  }
  const unknown = excluded.find((task) => !seen.has(task));
  if (unknown !== undefined) {
    throw new InvalidConfigError(
      `dataset.exclude_tasks: tasks must exist, got "${unknown}"; known: ${[...seen].sort().join(', ')}`,
    );
  }
  const names = [...largest.keys()].sort();
  return {
    names,
    index: new Map(names.map((name, index) => [name, index])),
    maxima: Float64Array.from(names, (name) => largest.get(name)![0]!),
    rowCount,
  };
}

/** Usable rows of eligible tasks of a batch: position in the batch and task index. */
function* usableRows(part: GradientBatch, { index }: EligibleTasks): Generator<[number, number]> {
  for (const [row, task] of part.tasks.entries()) {
    const taskIndex = task === null ? undefined : index.get(task);
    if (part.reasons[row] === null && taskIndex !== undefined) yield [row, taskIndex];
  }
}

async function sumTasks(table: GradientTable, eligible: EligibleTasks, pulse: Pulse): Promise<TaskStatistics> {
  const { sketch } = table;
  const sums = createTaskSums(eligible.maxima, table.sketch);
  for await (const part of table.batches()) {
    const norms = part.batch.float64('gradient_norm');
    const tokens = part.batch.uint32('supervised_token_count');
    for (const [row, taskIndex] of usableRows(part, eligible)) {
      const { gradient } = part;
      addRow(sums, {
        taskIndex,
        gradientNorm: norms[row]!,
        supervisedTokenCount: tokens[row]!,
        gradient,
        gradientStart: row * sketch,
      });
    }
    await pulse.pause();
  }
  return finishTaskSums(sums);
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

async function scoreRows(
  table: GradientTable,
  eligible: EligibleTasks,
  statistics: TaskStatistics,
  selfTerm: boolean,
  pulse: Pulse,
): Promise<ValueColumns> {
  const { sketch } = table;
  const count = eligible.rowCount;
  const columns: ValueColumns = {
    rowIndex: new Uint32Array(count),
    contentHash: new Uint8Array(count * 32),
    taskIndex: new Uint32Array(count),
    loss: new Float64Array(count),
    supervisedTokenCount: new Uint32Array(count),
    gradientNorm: new Float64Array(count),
    el2n: new Float64Array(count),
    mean_of_cosines: new Float64Array(count),
    cosine_to_mean: new Float64Array(count),
  };
  const score = createInstanceScorer(statistics, selfTerm);
  let position = 0;
  for await (const part of table.batches()) {
    const { batch } = part;
    const hashes = batch.bytes('content_hash');
    const positionStart = position;
    for (const [row, taskIndex] of usableRows(part, eligible)) {
      columns.rowIndex[position] = part.rowIndex[row]!;
      columns.contentHash.set(hashes.subarray(row * 32, (row + 1) * 32), position * 32);
      columns.taskIndex[position] = taskIndex;
      columns.loss[position] = batch.float64('loss')[row]!;
      columns.supervisedTokenCount[position] = batch.uint32('supervised_token_count')[row]!;
      columns.gradientNorm[position] = batch.float64('gradient_norm')[row]!;
      columns.el2n[position] = batch.float64('el2n')[row]!;
      score(taskIndex, part.gradient, row * sketch, columns, position);
      position += 1;
    }
    countRows('values', position - positionStart);
    await pulse.pause();
  }
  return columns;
}

function describeTasks(
  names: readonly string[],
  statistics: TaskStatistics,
  columns: ValueColumns,
  kind: TaskValueKind,
  seed: number,
): TaskValue[] {
  return names.map((task, taskIndex) => {
    const rows = [...columns.taskIndex.keys()].filter((position) => columns.taskIndex[position] === taskIndex);
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
