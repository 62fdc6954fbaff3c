import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { drawOrder } from '../../algorithms/sampling.ts';
import { selectRows } from '../../algorithms/selectors/select-rows.ts';
import type { Selection, SelectionRequest } from '../../algorithms/selectors/select-rows.ts';
import { sampleWarmup } from '../../algorithms/warmup-sample.ts';
import type { WarmupRequest } from '../../algorithms/warmup-sample.ts';
import type { SelectionMethod } from '../../contracts/config.ts';
import { METHOD_NAMES, quotasOf, RANKS } from '../../contracts/methods.ts';
import { toColumns } from './sampled-rows.ts';
import type { ExampleRow } from './sampled-rows.ts';
import { SIX_DIGITS } from './worked-example.ts';

/** 60 rows in tasks of 30, 20 and 10; some contents come twice. */
const EXAMPLES: ExampleRow[] = Array.from({ length: 60 }, (_, index) => ({
  content: `content ${index % 50}`,
  rowIndex: 2 * index,
  taskIndex: index < 30 ? 0 : index < 50 ? 1 : 2,
  instanceValue: 0.3 * Math.sin(index),
  gradientNorm: 1 + ((index * 7) % 20),
  loss: ((index * 11) % 17) / 4,
  supervisedTokenCount: 1 + ((index * 5) % 13),
  el2n: ((index * 3) % 29) / 20,
  cluster: (index * 3) % 7,
  trajectoryCluster: (index * 5) % 6,
  affinity: [Math.cos(index), Math.cos(2 * index), Math.cos(3 * index)],
  subspaceAffinity: [Math.sin(index), Math.sin(2 * index)],
}));
const REQUEST: SelectionRequest = {
  method: 'tive',
  lambda: 3,
  replacement: false,
  ranks: 'top',
  seed: 42,
  quotas: 'value',
  budget: 12,
  tasks: [
    { task: 'a', quota: 3 },
    { task: 'b', quota: 5 },
    { task: 'c', quota: 4 },
  ],
};

function select(change: Partial<SelectionRequest>, examples: readonly ExampleRow[] = EXAMPLES): Selection {
  const quotas = quotasOf(change.method ?? REQUEST.method, 'value');
  return selectRows(toColumns(examples), { ...REQUEST, quotas, ...change });
}

function total(copies: Uint32Array): number {
  return copies.reduce((sum, count) => sum + count, 0);
}

function rowIndexes({ rows }: Selection, examples: readonly ExampleRow[] = EXAMPLES): number[] {
  return Array.from(rows.position, (position) => examples[position]!.rowIndex).sort((left, right) => left - right);
}

describe.each(METHOD_NAMES)('method %s', (method) => {
  test('selects exactly the budget, each row once, by ascending position', () => {
    const { position, copies, probability, rank } = select({ method }).rows;
    expect(total(copies)).toBe(12);
    expect(position).toHaveLength(12);
    expect(new Set(position).size).toBe(12);
    expect(position).toEqual(position.slice().sort());
    for (const p of probability) expect(p > 0 && p <= 1).toBe(true);
    expect(Math.max(...rank)).toBe(quotasOf(method, 'value') === 'pooled' ? 11 : 4);
  });

  test('selects the same rows for any order of rows', () => {
    const mixed = [...EXAMPLES].sort((left, right) => Math.sin(left.rowIndex) - Math.sin(right.rowIndex));
    expect(rowIndexes(select({ method }, mixed), mixed)).toEqual(rowIndexes(select({ method })));
  });

  // The votes of icons depend on the budget.
  const isNested = method !== 'icons';
  test(`selects ${isNested ? 'a superset' : 'as many rows'} for a larger budget`, () => {
    const larger = REQUEST.tasks.map(({ task, quota }) => ({ task, quota: quota + 3 }));
    const more = rowIndexes(select({ method, budget: 21, tasks: larger }));
    if (isNested) expect(more).toEqual(expect.arrayContaining(rowIndexes(select({ method }))));
    expect(more).toHaveLength(21);
  });

  test('takes rows that filters have left out only when the others of their group have run out', () => {
    const columns = toColumns(EXAMPLES);
    const dropped = Uint8Array.from(EXAMPLES, (_, index) => (index % 3 === 0 ? 1 : 0));
    const quotas = quotasOf(method, 'value');
    const tasks = REQUEST.tasks.map(({ task }, index) => ({ task, quota: [21, 14, 6][index]! }));
    const request = { ...REQUEST, method, quotas, budget: 41, tasks };
    const { position, rank } = selectRows({ ...columns, dropped }, request).rows;
    const kept = Array.from(position, (row, place) => ({ isKept: dropped[row] === 0, rank: rank[place]! }));
    expect(kept.filter(({ isKept }) => isKept)).toHaveLength(quotas === 'pooled' ? 40 : 39);
    if (quotas === 'pooled') expect(kept.find(({ isKept }) => !isKept)!.rank).toBe(40);
    const few = { ...request, budget: 12, tasks: REQUEST.tasks };
    const without = EXAMPLES.filter((_, index) => dropped[index] === 0);
    const left = selectRows({ ...columns, dropped }, few);
    expect(rowIndexes(left)).toEqual(rowIndexes(selectRows(toColumns(without), few), without));
    expect(left.effectiveShare).toEqual(selectRows(toColumns(without), few).effectiveShare);
  });

  test('repeats rows above the supply: full copies and one more of the first drawn', () => {
    const quotas = [30, 20, 25];
    const tasks = REQUEST.tasks.map(({ task }, index) => ({ task, quota: quotas[index]! }));
    const { position, copies, rank } = select({ method, budget: 75, tasks }).rows;
    expect(total(copies)).toBe(75);
    expect(position).toHaveLength(60);
    const lastTask = Array.from(copies.subarray(50), (count, index) => [count, rank[50 + index]!] as const);
    if (quotasOf(method, 'value') === 'pooled') {
      copies.forEach((count, index) => {
        expect(count).toBe(rank[index]! < 15 ? 2 : 1);
      });
    } else {
      for (const [count, drawn] of lastTask) expect(count).toBe(drawn < 5 ? 3 : 2);
    }
  });
});

describe('selectRows', () => {
  test('takes each task its quota', () => {
    const perTask = (method: SelectionMethod): number[] => {
      const counts = [0, 0, 0];
      for (const position of select({ method }).rows.position) counts[EXAMPLES[position]!.taskIndex!]! += 1;
      return counts;
    };
    for (const method of ['tive', 'tive_task', 'tive_instance', 'task_balanced'] as const) {
      expect(perTask(method)).toEqual([3, 5, 4]);
    }
  });

  test('takes the largest norms for grand', () => {
    const norms = EXAMPLES.map((row) => row.gradientNorm!).sort((left, right) => right - left);
    const taken = Array.from(
      select({ method: 'grand' }).rows.position,
      (position) => EXAMPLES[position]!.gradientNorm!,
    );
    expect(taken.sort((left, right) => right - left)).toEqual(norms.slice(0, 12));
  });

  test('ranks rows by each score, from the top, the bottom or around the median', () => {
    const scores = {
      length: 'supervisedTokenCount',
      loss: 'loss',
      perplexity: 'loss',
      grand: 'gradientNorm',
      el2n: 'el2n',
    } as const;
    for (const [method, column] of Object.entries(scores) as [keyof typeof scores, keyof ExampleRow][]) {
      const falling = EXAMPLES.map((row) => row[column] as number).sort((left, right) => right - left);
      const wanted = { top: falling.slice(0, 12), mid: falling.slice(24, 36), bottom: falling.slice(48) };
      for (const ranks of RANKS) {
        const { position } = select({ method, ranks }).rows;
        const taken = Array.from(position, (row) => EXAMPLES[row]![column] as number);
        expect(taken.sort((left, right) => right - left)).toEqual(wanted[ranks]);
      }
    }
  });

  test('takes the ranks around the median from the inside, whatever the count is', () => {
    const order = (count: number): number[] => {
      const rows = Array.from({ length: count }, (_, rowIndex) => ({
        content: `${rowIndex}`,
        rowIndex,
        loss: -rowIndex,
      }));
      const { rank, position } = select({ method: 'loss', ranks: 'mid', budget: count }, rows).rows;
      return [...position].sort((left, right) => rank[left]! - rank[right]!);
    };
    expect([order(5), order(4), order(1)]).toEqual([[2, 1, 3, 0, 4], [1, 2, 0, 3], [0]]);
  });

  test('of a score with equal shares takes each task its quota, by its own ranks', () => {
    const { rows } = select({ method: 'loss', quotas: 'equal' });
    for (const [taskIndex, { quota }] of REQUEST.tasks.entries()) {
      const losses = (of: Iterable<number>) =>
        [...of].filter((row) => EXAMPLES[row]!.taskIndex === taskIndex).map((row) => EXAMPLES[row]!.loss!);
      const highest = losses(EXAMPLES.keys())
        .sort((left, right) => right - left)
        .slice(0, quota);
      expect(losses(rows.position).sort((left, right) => right - left)).toEqual(highest);
    }
  });

  test('takes as many rows of every cluster, more of the others where one runs out', () => {
    const counts = (quota: number): number[] => {
      const tasks = [{ task: 'a', quota }];
      const examples = EXAMPLES.slice(0, 30).map((row, index) => ({
        ...row,
        cluster: index < 3 ? 0 : index < 8 ? 1 : 2,
      }));
      const { position } = select({ method: 'clusters', tasks }, examples).rows;
      return [0, 1, 2].map((cluster) => [...position].filter((row) => examples[row]!.cluster === cluster).length);
    };
    expect([counts(6), counts(9), counts(13), counts(20)]).toEqual([
      [2, 2, 2],
      [3, 3, 3],
      [3, 5, 5],
      [3, 5, 12],
    ]);
  });

  test('shares out over clusters of loss trajectories from the smallest on, whatever their sizes and the budget', () => {
    /** The released code's loop: ⌊what is left / clusters that are left⌋ of each, or all of a smaller one. */
    const counted = (sizes: readonly number[], budget: number): number[] => {
      const ascending = [...sizes].sort((left, right) => left - right);
      let left = budget;
      return ascending.map((size, index) => {
        const count = Math.min(size, Math.floor(left / (ascending.length - index)));
        left -= count;
        return count;
      });
    };
    const property = fc.property(
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (sizes, share) => {
        const rows = sizes.flatMap((size, trajectoryCluster) => Array.from({ length: size }, () => trajectoryCluster));
        const quota = Math.round(share * rows.length);
        const examples = rows.map((trajectoryCluster, rowIndex) => ({
          content: `${rowIndex}`,
          rowIndex,
          trajectoryCluster,
        }));
        const tasks = [{ task: 'A', quota }];
        const { position } = select({ method: 'trajectories', budget: quota, tasks }, examples).rows;
        const taken = sizes.map((_, cluster) => [...position].filter((row) => rows[row] === cluster).length);
        const bySize = [...sizes.keys()].sort(
          (left, right) => sizes[left]! - sizes[right]! || taken[left]! - taken[right]!,
        );
        expect(bySize.map((cluster) => taken[cluster])).toEqual(counted(sizes, quota));
      },
    );
    fc.assert(property, { numRuns: 100 });
  });

  test('refuses a method whose column is not there', () => {
    const { columns, ...rows } = toColumns(EXAMPLES);
    const { loss, gradient_norm } = columns;
    const request = { ...REQUEST, method: 'clusters' as const, quotas: 'equal' as const };
    expect(() => selectRows({ ...rows, columns: { loss, gradient_norm } }, request)).toThrow(
      'selection: method clusters must have the column cluster, got none',
    );
  });

  test('gives the probabilities of the worked example and the effective share', () => {
    const rows = [26 / 45, 5 / 9, 0.8].map((instanceValue, rowIndex) => ({
      content: `${rowIndex}`,
      rowIndex,
      instanceValue,
    }));
    const change = { lambda: 10, budget: 3, tasks: [{ task: 'A', quota: 3 }] };
    const { rows: selected, effectiveShare, warnings } = select(change, rows);
    expect(selected.probability).toBeAllclose([0.0906737, 0.0726059, 0.83672], SIX_DIGITS);
    expect(effectiveShare).toBeAllclose([1.40136 / 3], SIX_DIGITS);
    expect(warnings).toEqual([
      'selection: effective share of task "A" should be at least 0.9, got 0.467 at lambda 10 (equally likely rows that would be as uneven a draw, over its rows); lower lambda',
    ]);
  });

  test('finds each task its own lambda for an effective share', () => {
    const { effectiveShare, warnings } = select({ essTarget: 0.97 });
    expect(effectiveShare).toBeAllclose([0.97, 0.97, 0.97], { rtol: 1e-9, atol: 0 });
    expect(warnings).toEqual([]);
    expect(select({ essTarget: 0.8 }).warnings[0]).toContain('at ess_target 0.8');
    expect(select({ method: 'tive_task', essTarget: 0.97 }).rows).toEqual(select({ lambda: 0 }).rows);
  });

  test('at lambda 0 is the uniform choice within tasks, and says that lambda does nothing', () => {
    const { rows, warnings } = select({ lambda: 0 });
    expect(rows).toEqual(select({ method: 'tive_task' }).rows);
    expect(warnings).toEqual([
      'selection: lambda must change the weights, got an effective share of 1.000 in each task at lambda 0; this is random choice',
    ]);
    expect(select({ method: 'tive_task' }).warnings).toEqual([]);
  });

  test('draws from the streams select/instance/<task> and select/pooled', () => {
    const columns = toColumns(EXAMPLES);
    const positions = Uint32Array.from(EXAMPLES.keys());
    const inDrawOrder = ({ rows }: Selection, within: readonly number[]): number[] =>
      within
        .slice()
        .sort((left, right) => rows.rank[rows.position.indexOf(left)]! - rows.rank[rows.position.indexOf(right)]!);
    const balanced = select({ method: 'task_balanced' });
    const ofTask = drawOrder(columns, positions.slice(30, 50), 'select/instance/b', 42, null).position;
    const taken = [...balanced.rows.position].filter((position) => EXAMPLES[position]!.taskIndex === 1);
    expect(inDrawOrder(balanced, taken)).toEqual([...ofTask.subarray(0, 5)]);
    const pooled = select({ method: 'random' });
    const ofPool = drawOrder(columns, positions, 'select/pooled', 42, null).position;
    expect(inDrawOrder(pooled, [...pooled.rows.position])).toEqual([...ofPool.subarray(0, 12)]);
  });

  test('keeps tasks apart: rows of one task do not change another', () => {
    const without = EXAMPLES.filter(({ taskIndex }) => taskIndex !== 1);
    const tasks = REQUEST.tasks.map(({ task, quota }) => ({ task, quota: task === 'b' ? 0 : quota }));
    const others = rowIndexes(select({ tasks }, without), without);
    expect(rowIndexes(select({})).filter((rowIndex) => rowIndex < 60 || rowIndex >= 100)).toEqual(others);
  });

  test('refuses a quota of a task without rows, and a row without a task', () => {
    const tasks = [...REQUEST.tasks, { task: 'd', quota: 1 }];
    expect(() => select({ tasks })).toThrow('task "d" must have rows for a quota of 1, got 0');
    expect(() => select({ tasks: REQUEST.tasks.slice(0, 2) })).toThrow('task index must be below 2, got 2');
  });
});

describe('sampleWarmup', () => {
  const request: WarmupRequest = { fraction: 0.6, balance: 'per_task', seed: 42, taskNames: ['a', 'b', 'c'] };
  const columns = toColumns(EXAMPLES);

  test('takes equal quotas, capped at small tasks', () => {
    const counts = [0, 0, 0];
    for (const position of sampleWarmup(columns, request)) counts[EXAMPLES[position]!.taskIndex!]! += 1;
    expect(counts).toEqual([13, 13, 10]);
  });

  test('draws from the streams warmup/<task> and warmup', () => {
    const positions = Uint32Array.from(EXAMPLES.keys());
    const ofTask = drawOrder(columns, positions.slice(0, 30), 'warmup/a', 42, null).position.slice(0, 13).sort();
    expect(sampleWarmup(columns, request).subarray(0, 13)).toEqual(ofTask);
    const ofPool = drawOrder(columns, positions, 'warmup', 42, null).position.slice(0, 36).sort();
    expect(sampleWarmup(columns, { ...request, balance: 'none' })).toEqual(ofPool);
  });

  test('takes the share of the pool where it is not balanced', () => {
    const taken = sampleWarmup(columns, { ...request, balance: 'none' });
    expect(taken).toHaveLength(36);
    expect(new Set(taken).size).toBe(36);
  });

  test('is nested, the same for any row order, and another sample than the selection', () => {
    const all = sampleWarmup(columns, request);
    const some = sampleWarmup(columns, { ...request, fraction: 0.2 });
    expect([...all]).toEqual(expect.arrayContaining([...some]));
    const reversed = [...EXAMPLES].reverse();
    const again = sampleWarmup(toColumns(reversed), request);
    const indexes = Array.from(again, (position) => reversed[position]!.rowIndex).sort((left, right) => left - right);
    expect(indexes).toEqual(Array.from(all, (position) => EXAMPLES[position]!.rowIndex));
    expect(some).not.toEqual(
      select({ method: 'task_balanced', tasks: REQUEST.tasks.map(({ task }) => ({ task, quota: 4 })) }).rows.position,
    );
  });

  test('takes at least one row of a small dataset and none of an empty one', () => {
    expect(sampleWarmup(columns, { ...request, fraction: 0.001 })).toHaveLength(1);
    expect(sampleWarmup(toColumns([]), request)).toHaveLength(0);
  });
});

describe('with replacement', () => {
  const again = (change: Partial<SelectionRequest> = {}, examples: readonly ExampleRow[] = EXAMPLES) =>
    select({ replacement: true, ...change }, examples);

  test('gives exactly the quotas, copies counted, whatever the order of the rows', () => {
    const tasks = [40, 25, 60].map((quota, task) => ({ task: 'abc'[task]!, quota }));
    for (const method of ['tive', 'tive_task', 'tive_instance', 'task_balanced'] as const) {
      const { rows } = again({ method, tasks });
      const drawn = [0, 0, 0];
      rows.position.forEach((position, index) => (drawn[EXAMPLES[position]!.taskIndex!]! += rows.copies[index]!));
      expect(drawn).toEqual([40, 25, 60]);
      expect(Math.max(...rows.copies)).toBeGreaterThan(1);
    }
    const pooled = again({ method: 'random', budget: 90 }).rows;
    expect(pooled.copies.reduce((sum, count) => sum + count, 0)).toBe(90);
    const copiesOf = (found: Selection, examples: readonly ExampleRow[]) =>
      Array.from(
        found.rows.position,
        (position, index) => `${examples[position]!.content} ${found.rows.copies[index]}`,
      ).sort();
    const single = EXAMPLES.slice(5, 55);
    const turned = single.toReversed();
    expect(copiesOf(again({}, turned), turned)).toEqual(copiesOf(again({}, single), single));
  });

  test('draws rows as often as their probabilities say', () => {
    const examples = [0, 1, 2].map((value) => ({ content: `${value}`, rowIndex: value, instanceValue: value / 2 }));
    const { rows } = again({ lambda: 2, tasks: [{ task: 'a', quota: 30_000 }] }, examples);
    const total = [0, 1, 2].reduce((sum, value) => sum + Math.exp(value), 0);
    for (const [index, position] of rows.position.entries())
      expect(rows.copies[index]! / 30_000).toBeCloseTo(Math.exp(position) / total, 2);
  });

  test('leaves the method that does not draw as it is', () => {
    expect(again({ method: 'grand' })).toEqual(select({ method: 'grand' }));
  });
});
