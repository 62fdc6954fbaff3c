// Which rows a condition copies, mislabels, leaves out or adds: a pure plan over tasks and content hashes.
import type { StressCondition, StressKind } from '../contracts/stress.ts';
import { CONTENT_HASH_BYTES, createContentStream, createRandom } from './random-stream.ts';

/** Rows by what decides over them. */
export interface StressableRows {
  /** [row] */
  tasks: readonly string[];
  /** [row · 32] bytes that follow from a row's content. */
  contentHashes: Uint8Array;
}

/** What is done, how much of it, and to which rows. */
export interface StressOptions {
  condition: StressCondition;
  /** As its condition means it. */
  strength: number;
  seed: number;
}

/** One row of the result. */
export interface StressedRow {
  kind: StressKind;
  /** Row whose question and picture it has. */
  source: number;
  /** Row whose answers it has. */
  answers: number;
}

/** Tasks in which copies are made, and the share of tasks whose answers are mixed up. */
const COPIED_TASKS = 2;
const NOISY_SHARE = 0.5;

/**
 * The rows of a dataset under a condition, in the dataset's order, rows that are added last. Which rows are taken
 * follows from their contents and the seed (`stress/<condition>/<task>`), not from their order; equal rows are told
 * apart by it.
 *
 * @throws RangeError for no rows
 */
export function stressRows(rows: StressableRows, options: StressOptions): StressedRow[] {
  if (rows.tasks.length === 0) throw new RangeError('stress: at least one row must be usable, got none');
  const byTask = orderedTasks(rows, options);
  const result = rows.tasks.map((_, row): StressedRow | null => ({ kind: 'clean', source: row, answers: row }));
  const { condition } = options;
  if (condition === 'exact_copies' || condition === 'near_copies') copyRows(result, byTask, options);
  else if (condition === 'label_noise') mixAnswers(result, byTask, options);
  else if (condition === 'size_skew') thinBySize(result, byTask, options);
  else if (condition === 'tiny_task') thinOne(result, byTask, options);
  else if (condition === 'answer_lengths')
    for (const row of lengthened(byTask, options)) result[row]!.kind = 'long_answer';
  const kept = result.filter((row) => row !== null);
  return condition === 'irrelevant_task' ? [...kept, ...addedRows(byTask, options)] : kept;
}

/** Tasks whose answers are made longer: the same ones for other rows with the same tasks. */
export function lengthenedTasks(
  tasks: Iterable<string>,
  { strength, seed }: Omit<StressOptions, 'condition'>,
): Set<string> {
  const ordered = shuffledTasks([...new Set(tasks)], 'answer_lengths', seed);
  return new Set(ordered.slice(0, Math.ceil(strength * ordered.length - 1e-9)));
}

/** Rows of every task in an order that follows from their contents; tasks by falling size, then by name. */
type OrderedTasks = readonly (readonly [task: string, rows: readonly number[]])[];

function orderedTasks({ tasks, contentHashes }: StressableRows, { condition, seed }: StressOptions): OrderedTasks {
  const groups = new Map<string, number[]>();
  for (const [row, task] of tasks.entries()) {
    const own = groups.get(task);
    if (own === undefined) groups.set(task, [row]);
    else own.push(row);
  }
  return [...groups]
    .map(([task, rows]): [string, number[]] => {
      const stream = createContentStream(`stress/${condition}/${task}`, seed);
      const seen = new Map<string, number>();
      const keys = rows.map((row) => {
        const hash = Buffer.from(
          contentHashes.buffer,
          contentHashes.byteOffset + row * CONTENT_HASH_BYTES,
          CONTENT_HASH_BYTES,
        );
        const occurrence = seen.get(hash.toString('hex')) ?? 0;
        seen.set(hash.toString('hex'), occurrence + 1);
        return { row, key: stream.uniform(contentHashes, row, occurrence) };
      });
      return [task, keys.sort((left, right) => left.key - right.key || left.row - right.row).map(({ row }) => row)];
    })
    .sort(([left, a], [right, b]) => b.length - a.length || (left < right ? -1 : 1));
}

function copyRows(result: (StressedRow | null)[], byTask: OrderedTasks, { condition, strength }: StressOptions): void {
  const kind = condition === 'exact_copies' ? 'exact_copy' : 'near_copy';
  for (const [, rows] of byTask.slice(0, COPIED_TASKS)) {
    const copyCount = Math.min(rows.length - 1, Math.round(strength * rows.length));
    const originals = rows.slice(copyCount);
    for (const [place, row] of rows.slice(0, copyCount).entries()) {
      const source = originals[place % originals.length]!;
      result[row] = { kind, source, answers: source };
    }
  }
}

function mixAnswers(result: (StressedRow | null)[], byTask: OrderedTasks, { strength, seed }: StressOptions): void {
  const names = shuffledTasks(
    byTask.map(([task]) => task),
    'label_noise',
    seed,
  );
  const noisy = new Set(names.slice(0, Math.ceil(NOISY_SHARE * names.length)));
  for (const [, rows] of byTask.filter(([task]) => noisy.has(task))) {
    const mixed = rows.slice(0, Math.round(strength * rows.length));
    if (mixed.length < 2) continue;
    for (const [place, row] of mixed.entries())
      result[row] = { kind: 'label_noise', source: row, answers: mixed[(place + 1) % mixed.length]! };
  }
}

/** Task k of T by size keeps at most n_max · strength^(−k/(T − 1)) rows. */
function thinBySize(result: (StressedRow | null)[], byTask: OrderedTasks, { strength }: StressOptions): void {
  const largest = byTask[0]![1].length;
  for (const [place, [, rows]] of byTask.entries()) {
    const kept = largest * strength ** -(place / Math.max(1, byTask.length - 1));
    for (const row of rows.slice(Math.max(1, Math.round(kept)))) result[row] = null;
  }
}

function thinOne(result: (StressedRow | null)[], byTask: OrderedTasks, { strength }: StressOptions): void {
  const [, rows] = byTask[Math.floor(byTask.length / 2)]!;
  for (const row of rows.slice(strength)) result[row] = null;
}

function lengthened(byTask: OrderedTasks, options: StressOptions): number[] {
  const long = lengthenedTasks(
    byTask.map(([task]) => task),
    options,
  );
  return byTask.flatMap(([task, rows]) => (long.has(task) ? rows : []));
}

/** Rows of all tasks in turn, as many as a mean task has, times the strength. */
function addedRows(byTask: OrderedTasks, { strength }: StressOptions): StressedRow[] {
  const rowCount = byTask.reduce((sum, [, rows]) => sum + rows.length, 0);
  const wanted = Math.round((strength * rowCount) / byTask.length);
  const added: StressedRow[] = [];
  for (let turn = 0; added.length < wanted; turn += 1) {
    for (const [, rows] of byTask) {
      if (added.length === wanted) break;
      const source = rows[turn % rows.length]!;
      added.push({ kind: 'irrelevant', source, answers: source });
    }
  }
  return added;
}

/** Names in an order of the seed's, whatever order they come in. */
function shuffledTasks(names: readonly string[], condition: StressCondition, seed: number): string[] {
  const keyed = names.map((name) => ({ name, key: createRandom(`stress/${condition}/task/${name}`, seed).uniform() }));
  return keyed.sort((left, right) => left.key - right.key).map(({ name }) => name);
}
