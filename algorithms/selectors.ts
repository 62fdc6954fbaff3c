import { createRandom } from './random-stream.ts';
import type { AllocationConfig, SelectionMethod } from '../contracts/config.ts';
import { drawOrder, effectiveSampleSize, probabilities, topOrder } from './sampling.ts';
import type { DrawOrder, SampledRows } from './sampling.ts';

/** ESS_t/n_t below which the instance values decide more than a gentle tilt should. */
const UNEVEN_SHARE = 0.9;

/** Columns of all usable rows of eligible tasks. */
export interface SelectableRows extends SampledRows {
  /** [example] index of the row's task. */
  taskIndex: Uint32Array;
  /** [example] s, of the configured kind. */
  instanceValue: Float64Array;
  /** [example] r, norm of the full gradient. */
  gradientNorm: Float64Array;
}

export interface SelectionRequest {
  method: SelectionMethod;
  /** λ: probability ∝ exp(λ·s) within the task; read by `tive` and `tive_instance`. */
  lambda: number;
  /** Seed of the random streams. */
  seed: number;
  /** B, read by the pooled methods. */
  budget: number;
  /** Whether a row may be drawn again: b independent draws. Not read by `grand`, which does not draw. */
  replacement: boolean;
  /** Name and quota b_t of each task, by task index, from the allocation that the method wants. */
  tasks: readonly { task: string; quota: number }[];
}

/** Selected rows, by ascending position. */
export interface SelectedRows {
  /** [selected] position in the columns. */
  position: Uint32Array;
  /** [selected] how often the row is in the subset, ≥ 1; Σ = B. */
  copies: Uint32Array;
  /** [selected] p of the row's first draw within its task or the pool; 1 where the choice is not random. */
  probability: Float64Array;
  /** [selected] draw order within the task or the pool, from 0. */
  rank: Uint32Array;
}

export interface Selection {
  rows: SelectedRows;
  /** [task] ESS_t/n_t in (0, 1] of the probabilities used; NaN where n_t = 0 or the method pools all tasks. */
  effectiveShare: Float64Array;
  warnings: string[];
}

/** How a method spreads its rows over tasks: quotas by a weighting, or none (`pooled`). */
export function methodWeighting(method: SelectionMethod): AllocationConfig['weighting'] | 'pooled' {
  switch (method) {
    case 'tive':
    case 'tive_task':
      return 'value';
    case 'tive_instance':
      return 'size';
    case 'task_balanced':
      return 'equal';
    case 'random':
    case 'grand':
      return 'pooled';
  }
}

/**
 * Selects rows by one of six methods; every one returns exactly B rows, copies counted.
 *
 * | method | quotas | within |
 * |---|---|---|
 * | `tive` | by task value | weighted sample, p ∝ e^{λs} |
 * | `tive_task` | by task value | uniform sample |
 * | `tive_instance` | by size | weighted sample, p ∝ e^{λs} |
 * | `task_balanced` | equal | uniform sample |
 * | `random` | pooled | uniform sample |
 * | `grand` | pooled | largest gradient norms, ties at random |
 *
 * With `replacement` a row may come several times. Otherwise a quota b above n_t gives ⌊b/n_t⌋ copies of every row and one more of the first b mod n_t drawn. Methods share the
 * streams `select/instance/<task>` and `select/pooled`, so their random numbers are common and comparisons are paired.
 *
 * @throws RangeError where a task index has no task, or a quota is wanted from no rows.
 * @see arXiv:2403.09559
 */
export function selectRows(rows: SelectableRows, request: SelectionRequest): Selection {
  const { method, tasks } = request;
  const effectiveShare = new Float64Array(tasks.length).fill(NaN);
  if (methodWeighting(method) === 'pooled') {
    const pool = Uint32Array.from(rows.rowIndex.keys());
    const drawn = method === 'grand' ? drawTop(rows, pool, request) : drawUniform(rows, pool, 'select/pooled', request);
    const take = method === 'grand' ? takeRows : taker('select/pooled', request);
    return { rows: collect([take(drawn, request.budget, 'the pool')]), effectiveShare, warnings: [] };
  }
  const groups = groupByTask(rows.taskIndex, tasks.length);
  const parts = tasks.map(({ task, quota }, taskIndex) => {
    const group = groups[taskIndex]!;
    const stream = `select/instance/${task}`;
    const weighted = method === 'tive' || method === 'tive_instance';
    const drawn = weighted ? drawWeighted(rows, group, stream, request) : drawUniform(rows, group, stream, request);
    if (group.length > 0) effectiveShare[taskIndex] = effectiveSampleSize(drawn.probability) / group.length;
    return taker(stream, request)(drawn, quota, `task "${task}"`);
  });
  return { rows: collect(parts), effectiveShare, warnings: shareWarnings(request, effectiveShare) };
}

/** A group in draw order, with the probability of each row. */
interface DrawnGroup {
  position: Uint32Array;
  probability: Float64Array;
}

function drawWeighted(rows: SelectableRows, group: Uint32Array, stream: string, request: SelectionRequest): DrawnGroup {
  const { lambda, seed } = request;
  const order: DrawOrder = drawOrder(rows, group, stream, seed, { values: rows.instanceValue, lambda });
  const values = Float64Array.from(order.position, (position) => rows.instanceValue[position]!);
  return { position: order.position, probability: probabilities(values, lambda) };
}

function drawUniform(rows: SelectableRows, group: Uint32Array, stream: string, request: SelectionRequest): DrawnGroup {
  const { position } = drawOrder(rows, group, stream, request.seed, null);
  return { position, probability: new Float64Array(position.length).fill(1 / position.length) };
}

function drawTop(rows: SelectableRows, group: Uint32Array, request: SelectionRequest): DrawnGroup {
  const { position } = topOrder(rows, group, 'select/pooled', request.seed, rows.gradientNorm);
  return { position, probability: new Float64Array(position.length).fill(1) };
}

/** Positions of each task, ascending. */
export function groupByTask(taskIndex: Uint32Array, taskCount: number): Uint32Array[] {
  const counts = new Uint32Array(taskCount);
  for (const task of taskIndex) {
    if (task >= taskCount) throw new RangeError(`selection: task index must be below ${taskCount}, got ${task}`);
    counts[task]! += 1;
  }
  const groups = Array.from(counts, (count) => new Uint32Array(count));
  const filled = new Uint32Array(taskCount);
  taskIndex.forEach((task, position) => {
    groups[task]![filled[task]!] = position;
    filled[task]! += 1;
  });
  return groups;
}

/** The first `quota` rows of a group; above its size, copies of all and one more of the first drawn. */
function takeRows(drawn: DrawnGroup, quota: number, where: string): SelectedRows {
  const size = drawn.position.length;
  if (quota > 0 && size === 0)
    throw new RangeError(`selection: ${where} must have rows for a quota of ${quota}, got 0`);
  const fullCopies = size === 0 ? 0 : Math.floor(quota / size);
  const extra = quota - fullCopies * size;
  const taken = fullCopies > 0 ? size : quota;
  return {
    position: drawn.position.slice(0, taken),
    copies: Uint32Array.from({ length: taken }, (_, rank) => fullCopies + (rank < extra ? 1 : 0)),
    probability: drawn.probability.slice(0, taken),
    rank: Uint32Array.from({ length: taken }, (_, rank) => rank),
  };
}

type TakeRows = (drawn: DrawnGroup, quota: number, where: string) => SelectedRows;

function taker(stream: string, { replacement, seed }: SelectionRequest): TakeRows {
  return replacement
    ? (drawn, quota, where) => drawAgain(drawn, quota, where, `${stream}/replacement`, seed)
    : takeRows;
}

/**
 * `quota` independent draws from the group's probabilities, by the inverse of their sums: a row comes as often as it is
 * drawn. Sums run in draw order, which the rows' contents decide, so the order of the table does not matter.
 */
function drawAgain(drawn: DrawnGroup, quota: number, where: string, stream: string, seed: number): SelectedRows {
  const size = drawn.position.length;
  if (quota > 0 && size === 0)
    throw new RangeError(`selection: ${where} must have rows for a quota of ${quota}, got 0`);
  const sums = new Float64Array(size);
  drawn.probability.forEach((probability, index) => (sums[index] = (sums[index - 1] ?? 0) + probability));
  const random = createRandom(stream, seed);
  const counts = new Map<number, number>();
  for (let draw = 0; draw < quota; draw += 1) {
    const goal = random.uniform() * sums[size - 1]!;
    let [low, high] = [0, size - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > goal) high = middle;
      else low = middle + 1;
    }
    counts.set(low, (counts.get(low) ?? 0) + 1);
  }
  const taken = [...counts.keys()];
  return {
    position: Uint32Array.from(taken, (index) => drawn.position[index]!),
    copies: Uint32Array.from(taken, (index) => counts.get(index)!),
    probability: Float64Array.from(taken, (index) => drawn.probability[index]!),
    rank: Uint32Array.from(taken.keys()),
  };
}

/** All parts as one, by ascending position. */
function collect(parts: readonly SelectedRows[]): SelectedRows {
  const entries = parts
    .flatMap((part) => Array.from(part.position, (position, index) => ({ position, part, index })))
    .sort((left, right) => left.position - right.position);
  return {
    position: Uint32Array.from(entries, ({ position }) => position),
    copies: Uint32Array.from(entries, ({ part, index }) => part.copies[index]!),
    probability: Float64Array.from(entries, ({ part, index }) => part.probability[index]!),
    rank: Uint32Array.from(entries, ({ part, index }) => part.rank[index]!),
  };
}

function shareWarnings({ method, lambda, tasks }: SelectionRequest, effectiveShare: Float64Array): string[] {
  if (method !== 'tive' && method !== 'tive_instance') return [];
  const shares = [...effectiveShare].filter((share) => !Number.isNaN(share));
  if (shares.length > 0 && shares.every((share) => share.toFixed(3) === '1.000')) {
    return [
      'selection: lambda must change the weights, got effective sample size 1.000 of each task ' +
        `at lambda ${lambda}; this is random choice`,
    ];
  }
  return tasks.flatMap(({ task }, taskIndex) => {
    const share = effectiveShare[taskIndex]!;
    if (!(share < UNEVEN_SHARE)) return [];
    const got = `${share.toFixed(3)} at lambda ${lambda}; lower lambda`;
    return [`selection: effective sample size of task "${task}" should be at least ${UNEVEN_SHARE}, got ${got}`];
  });
}
