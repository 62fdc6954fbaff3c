import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { lengthenedTasks, stressRows } from '../../algorithms/stress-rows.ts';
import type { StressedRow } from '../../algorithms/stress-rows.ts';
import type { StressCondition } from '../../contracts/stress.ts';

/** Tasks a to d with 40, 30, 20 and 10 rows. */
const TASKS = [...'abcd'].flatMap((task, place) => Array.from({ length: 40 - 10 * place }, () => task));
const CONTENTS = TASKS.map((task, row) => createHash('sha256').update(`${task} ${row}`).digest());

const stress = (condition: StressCondition, strength: number, seed = 0): StressedRow[] =>
  stressRows({ tasks: TASKS, contentHashes: Buffer.concat(CONTENTS) }, { condition, strength, seed });
const taskOf = ({ source }: StressedRow): string => TASKS[source]!;
const counted = (rows: readonly StressedRow[], kind: StressedRow['kind']): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const row of rows) if (row.kind === kind) counts[taskOf(row)] = (counts[taskOf(row)] ?? 0) + 1;
  return counts;
};

describe('copies', () => {
  test.each([
    ['exact_copies', 'exact_copy'],
    ['near_copies', 'near_copy'],
  ] as const)('%s take the place of rows of the two largest tasks', (condition, kind) => {
    const rows = stress(condition, 0.7);
    expect(rows).toHaveLength(100);
    expect(counted(rows, kind)).toEqual({ a: 28, b: 21 });
    const originals = new Set(rows.filter((row) => row.kind === 'clean').map(({ source }) => source));
    // A copy is of a row that is still there, and none of them is copied much more often than another.
    const copies = rows.filter((row) => row.kind === kind).map(({ source }) => source);
    expect(copies.every((source) => originals.has(source))).toBe(true);
    const often = copies.filter((source) => TASKS[source] === 'a').length / 12;
    for (const source of originals)
      expect(copies.filter((one) => one === source).length).toBeLessThanOrEqual(Math.ceil(often));
  });

  test('leave one row of a task', () => {
    expect(counted(stress('exact_copies', 0.99), 'clean')).toEqual({ a: 1, b: 1, c: 20, d: 10 });
  });
});

describe('label noise', () => {
  test('gives a share of the rows of half of the tasks the answers of another row of the task', () => {
    const rows = stress('label_noise', 0.4);
    const noisy = counted(rows, 'label_noise');
    expect(Object.keys(noisy)).toHaveLength(2);
    for (const [task, count] of Object.entries(noisy))
      expect(count).toBe(Math.round(0.4 * TASKS.filter((one) => one === task).length));
    for (const row of rows.filter(({ kind }) => kind === 'label_noise')) {
      expect(row.answers).not.toBe(row.source);
      expect(TASKS[row.answers]).toBe(taskOf(row));
    }
    // Answers are exchanged: none is lost, none comes twice.
    expect(rows.map(({ answers }) => answers).toSorted((a, b) => a - b)).toEqual(TASKS.map((_, row) => row));
  });
});

describe('sizes', () => {
  test('fall from the largest task to the smallest by the strength', () => {
    const sizes = counted(stress('size_skew', 16), 'clean');
    // 40 · 16^(−k/3): 40, 15.9, 6.3, 2.5.
    expect(sizes).toEqual({ a: 40, b: 16, c: 6, d: 3 });
  });

  test('of the middle task shrink to a few rows', () => {
    expect(counted(stress('tiny_task', 4), 'clean')).toEqual({ a: 40, b: 30, c: 4, d: 10 });
    expect(stress('tiny_task', 60)).toHaveLength(100);
  });
});

test('an irrelevant task has as many rows as a mean task, from all tasks in turn', () => {
  const rows = stress('irrelevant_task', 1);
  expect(rows).toHaveLength(125);
  expect(rows.slice(100).every(({ kind }) => kind === 'irrelevant')).toBe(true);
  expect(counted(rows, 'irrelevant')).toEqual({ a: 7, b: 6, c: 6, d: 6 });
});

test('answers become longer in a third of the tasks, in the same ones for other rows', () => {
  const long = counted(stress('answer_lengths', 1 / 3), 'long_answer');
  expect(Object.keys(long)).toHaveLength(2);
  expect(new Set(Object.keys(long))).toEqual(lengthenedTasks(['d', 'c', 'a', 'b', 'a'], { strength: 1 / 3, seed: 0 }));
  expect(lengthenedTasks('abc', { strength: 1 / 3, seed: 0 }).size).toBe(1);
});

describe.each(['exact_copies', 'label_noise', 'size_skew', 'tiny_task'] as const)('%s', (condition) => {
  const strength = condition === 'size_skew' ? 16 : condition === 'tiny_task' ? 7 : 0.5;

  test('depends on the contents of the rows and not on their order', () => {
    const order = TASKS.map((_, row) => row).toSorted((a, b) => ((a * 37) % 101) - ((b * 37) % 101));
    const shuffled = stressRows(
      { tasks: order.map((row) => TASKS[row]!), contentHashes: Buffer.concat(order.map((row) => CONTENTS[row]!)) },
      { condition, strength, seed: 3 },
    );
    const named = (rows: readonly StressedRow[], place: (row: number) => number): string[] =>
      rows.map(({ kind, source, answers }) => `${kind} ${place(source)} ${place(answers)}`).toSorted();
    expect(named(shuffled, (row) => order[row]!)).toEqual(named(stress(condition, strength, 3), (row) => row));
  });

  test('takes other rows with another seed, and the same with the same', () => {
    expect(stress(condition, strength, 1)).toEqual(stress(condition, strength, 1));
    expect(stress(condition, strength, 2)).not.toEqual(stress(condition, strength, 1));
  });
});

test('no row at all is refused', () => {
  expect(() =>
    stressRows({ tasks: [], contentHashes: new Uint8Array() }, { condition: 'tiny_task', strength: 1, seed: 0 }),
  ).toThrow('at least one row must be usable, got none');
});
