// Distributions and example rows of the values table.
import { createContentStream } from '../../algorithms/random-stream.ts';
import type { Config } from '../../contracts/config.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { ExampleGroup, InstanceValueSummary } from '../../contracts/summary.ts';
import type { Store } from '../../store/store.ts';
import { instanceValues, valuesTable } from '../../tables/values.ts';
import type { ValuesBatch } from '../../tables/values.ts';
import type { Pulse } from '../shared/heartbeat.ts';

const BINS = 32;

/** Sharpnesses at which the effective sample size is shown. */
const LAMBDAS = [0.1, 0.3, 1, 3, 10, 30, 100];

/** Pictures of one report. */
const MAX_EXAMPLES = 400;

const GROUPS: readonly ExampleGroup[] = ['top', 'bottom', 'random'];

/** A row that the report will show, before its text and picture are read. */
export interface Candidate {
  task: string;
  group: ExampleGroup;
  rowIndex: number;
  instanceValue: number;
  gradientNorm: number;
  loss: number;
  copies: number;
}

export interface ValueScan {
  instanceValues: InstanceValueSummary;
  /** By task, group, rank. */
  candidates: Candidate[];
}

/** Distributions and example rows of the values table, in two passes over it; memory is one batch and the selection. */
export async function scanValues(
  store: Store,
  values: ArtifactReference,
  copies: ReadonlyMap<number, number>,
  config: Config,
  pulse: Pulse,
): Promise<ValueScan> {
  const kind = config.values.instanceValue;
  const tasks = new Map<string, TaskScan>();
  let low = Infinity;
  let high = -Infinity;
  for await (const batch of valuesTable.read(store, values)) {
    const value = instanceValues(batch, kind);
    for (const [row, name] of batch.task.entries()) {
      low = Math.min(low, value[row]!);
      high = Math.max(high, value[row]!);
      const task = tasks.get(name);
      if (task === undefined) tasks.set(name, createTaskScan(value[row]!));
      else task.highest = Math.max(task.highest, value[row]!);
    }
    await pulse.pause();
  }
  const edges = binEdges(low, high);
  const groupSize = exampleGroupSize(config, tasks.size);
  const draws = createContentStream('report/examples', config.run.seed);
  for await (const batch of valuesTable.read(store, values)) {
    for (const [row, candidate] of batchRows(batch, kind, copies)) {
      const task = tasks.get(candidate.task)!;
      addRow(task, candidate, edges);
      keep(task.kept.top, candidate, -candidate.instanceValue, groupSize);
      keep(task.kept.bottom, candidate, candidate.instanceValue, groupSize);
      if (candidate.copies > 0 && groupSize > 0)
        keep(task.kept.random, candidate, draws.uniform(batch.contentHash, row, 0), groupSize);
    }
    await pulse.pause();
  }
  const names = [...tasks.keys()].sort();
  return {
    instanceValues: {
      kind,
      edges,
      tasks: names.map((task) => ({ task, ...distribution(tasks.get(task)!) })),
      lambdas: LAMBDAS,
    },
    candidates: names.flatMap((task) => candidatesOf(tasks.get(task)!)),
  };
}

/** Rows of one group of one task: a third of what the config wants, fewer where there are very many tasks. */
function exampleGroupSize({ report }: Config, taskCount: number): number {
  if (!report.thumbnails) return 0;
  return Math.floor(Math.min(report.examplesPerTask, MAX_EXAMPLES / Math.max(1, taskCount)) / GROUPS.length);
}

/** Edges of equal bins over all values; an empty or single-valued range is widened. */
function binEdges(low: number, high: number): number[] {
  const [start, end] = low < high ? [low, high] : low === high ? [low - 0.5, high + 0.5] : [0, 1];
  return Array.from({ length: BINS + 1 }, (_, edge) => start + ((end - start) * edge) / BINS);
}

type ScannedRow = Omit<Candidate, 'group'>;

/** Rows of a batch with their positions in it. */
function* batchRows(
  batch: ValuesBatch,
  kind: InstanceValueSummary['kind'],
  copies: ReadonlyMap<number, number>,
): Generator<[number, ScannedRow]> {
  const value = instanceValues(batch, kind);
  for (const [row, task] of batch.task.entries()) {
    const rowIndex = batch.rowIndex[row]!;
    yield [
      row,
      {
        task,
        rowIndex,
        instanceValue: value[row]!,
        gradientNorm: batch.gradientNorm[row]!,
        loss: batch.loss[row]!,
        copies: copies.get(rowIndex) ?? 0,
      },
    ];
  }
}

interface Kept {
  row: ScannedRow;
  /** Smaller is better. */
  key: number;
}

interface TaskScan {
  highest: number;
  rowCount: number;
  allCounts: number[];
  selectedCounts: number[];
  /** [lambda] Σw and Σw², w = exp(λ·(value − highest)). */
  sums: Float64Array;
  squares: Float64Array;
  kept: Record<ExampleGroup, Kept[]>;
}

function createTaskScan(highest: number): TaskScan {
  return {
    highest,
    rowCount: 0,
    allCounts: new Array<number>(BINS).fill(0),
    selectedCounts: new Array<number>(BINS).fill(0),
    sums: new Float64Array(LAMBDAS.length),
    squares: new Float64Array(LAMBDAS.length),
    kept: { top: [], bottom: [], random: [] },
  };
}

function addRow(task: TaskScan, { instanceValue, copies }: ScannedRow, edges: readonly number[]): void {
  const width = edges[1]! - edges[0]!;
  const bin = Math.min(BINS - 1, Math.max(0, Math.floor((instanceValue - edges[0]!) / width)));
  task.rowCount += 1;
  task.allCounts[bin]! += 1;
  if (copies > 0) task.selectedCounts[bin]! += 1;
  for (const [index, lambda] of LAMBDAS.entries()) {
    const weight = Math.exp(lambda * (instanceValue - task.highest));
    task.sums[index]! += weight;
    task.squares[index]! += weight * weight;
  }
}

/** Keeps the rows with the smallest keys, ties by row index, in order. */
function keep(kept: Kept[], row: ScannedRow, key: number, size: number): void {
  const before = (other: Kept): boolean => other.key < key || (other.key === key && other.row.rowIndex < row.rowIndex);
  const last = kept.at(-1);
  if (size === 0 || (kept.length === size && last !== undefined && before(last))) return;
  const place = kept.findIndex((other) => !before(other));
  kept.splice(place < 0 ? kept.length : place, 0, { row, key });
  if (kept.length > size) kept.pop();
}

function distribution({ allCounts, selectedCounts, sums, squares, rowCount }: TaskScan) {
  const effectiveShares = Array.from(sums, (sum, index) => (sum * sum) / (squares[index]! * rowCount));
  return { allCounts, selectedCounts, effectiveShares };
}

/** The kept rows, each once: a row of an earlier group is left out of the later ones. */
function candidatesOf({ kept }: TaskScan): Candidate[] {
  const seen = new Set<number>();
  return GROUPS.flatMap((group) =>
    kept[group].flatMap(({ row }) => {
      if (seen.has(row.rowIndex)) return [];
      seen.add(row.rowIndex);
      return [{ ...row, group }];
    }),
  );
}
