import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allocateBudget } from '../../algorithms/allocate-budget.ts';
import type { AllocationRule } from '../../algorithms/allocate-budget.ts';
import { equalQuotas } from '../../algorithms/quotas.ts';
import type { AllocationConfig } from '../../contracts/config.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { SIX_DIGITS } from './worked-example.ts';

const DEFAULTS: AllocationConfig = {
  budgetFraction: null,
  budgetRows: null,
  budgetBase: 'eligible',
  weighting: 'value',
  alpha: 0.5,
  overflow: 'redistribute',
  rounding: 'largest_remainder',
  approval: 'none',
};
const WORKED = [
  { task: 'A', rowCount: 3, value: 10 / 3 },
  { task: 'B', rowCount: 2, value: 6 },
];
const RELEASED = { overflow: 'repeat', rounding: 'truncate' } as const;

function allocate(
  tasks: Parameters<typeof allocateBudget>[0],
  config: Partial<AllocationConfig>,
  allRowCount = 5,
  weighting: AllocationRule['weighting'] = config.weighting ?? DEFAULTS.weighting,
) {
  return allocateBudget(tasks, { ...DEFAULTS, ...config, weighting }, allRowCount);
}

function quotas(tasks: Parameters<typeof allocateBudget>[0], config: Partial<AllocationConfig>, allRowCount = 5) {
  return allocate(tasks, config, allRowCount).tasks.map(({ quota }) => quota);
}

describe('allocateBudget on the worked example', () => {
  test('gives shares and ideal quotas', () => {
    const { budget, tasks } = allocate(WORKED, { budgetFraction: 0.6 });
    expect(budget).toBe(3);
    expect(tasks.map(({ share }) => share)).toBeAllclose([0.357143, 0.642857], SIX_DIGITS);
    expect(tasks.map(({ ideal }) => ideal)).toBeAllclose([1.07143, 1.92857], SIX_DIGITS);
    const larger = allocate(WORKED, { budgetFraction: 0.8 });
    expect(larger.tasks.map(({ ideal }) => ideal)).toBeAllclose([1.42857, 2.57143], SIX_DIGITS);
  });

  test.each([
    [0.6, {}, [1, 2]],
    [0.6, { overflow: 'repeat' }, [1, 2]],
    [0.6, RELEASED, [1, 1]],
    [0.8, {}, [2, 2]],
    [0.8, { overflow: 'repeat' }, [1, 3]],
    [0.8, RELEASED, [1, 2]],
  ] as const)('splits fraction %d under %o into %j', (budgetFraction, config, expected) => {
    expect(quotas(WORKED, { budgetFraction, ...config })).toEqual(expected);
  });

  test.each([
    [0, [1.5, 1.5]],
    [0.5, [1.65153, 1.34847]],
    [1, [1.8, 1.2]],
  ])('tempers sizes by alpha %d', (alpha, expected) => {
    const { tasks } = allocate(WORKED, { budgetRows: 3, alpha }, 5, 'tempered');
    expect(tasks.map(({ ideal }) => ideal)).toBeAllclose(expected, SIX_DIGITS);
    expect(tasks.map(({ quota }) => quota)).toEqual([2, 1]);
  });

  test('counts an excluded row in the base of the released code alone', () => {
    const released = allocate(WORKED, { budgetFraction: 0.6, budgetBase: 'all', ...RELEASED }, 6);
    expect(released.tasks.map(({ ideal }) => ideal)).toBeAllclose([1.28571, 2.31429], SIX_DIGITS);
    expect(released.tasks.map(({ quota }) => quota)).toEqual([1, 2]);
    expect(quotas(WORKED, { budgetFraction: 0.6 }, 6)).toEqual([1, 2]);
    expect(quotas(WORKED, { budgetFraction: 0.6, overflow: 'repeat' }, 6)).toEqual([1, 2]);
  });

  test('breaks equal remainders by weight, then by name', () => {
    const reversed = [...WORKED].reverse();
    expect(quotas(WORKED, { budgetRows: 3, weighting: 'equal' })).toEqual([2, 1]);
    expect(quotas(reversed, { budgetRows: 3, weighting: 'equal' })).toEqual([1, 2]);
    const byWeight = [
      { task: 'A', rowCount: 9, value: 1 },
      { task: 'B', rowCount: 9, value: 3 },
    ];
    expect(quotas(byWeight, { budgetRows: 2 }, 18)).toEqual([0, 2]);
  });

  test('weighs by size', () => {
    const { tasks } = allocate(WORKED, { budgetRows: 3, weighting: 'size' });
    expect(tasks.map(({ ideal }) => ideal)).toBeAllclose([1.8, 1.2], { rtol: 1e-15, atol: 0 });
    expect(tasks.map(({ quota }) => quota)).toEqual([2, 1]);
  });

  test('warns that truncation leaves rows over', () => {
    const { warnings } = allocate(WORKED, { budgetFraction: 0.6, ...RELEASED });
    expect(warnings).toEqual(['allocation: quotas should add up to 3 rows, got 2; rounding: truncate leaves the rest']);
  });
});

describe('allocateBudget at the edges', () => {
  test('gives a task without rows nothing, with a warning', () => {
    const tasks = [...WORKED, { task: 'C', rowCount: 0, value: null }];
    const { tasks: lines, warnings } = allocate(tasks, { budgetRows: 3 });
    expect(lines[2]).toEqual({ task: 'C', rows: 0, value: null, share: 0, ideal: 0, quota: 0 });
    expect(warnings).toEqual(['allocation: task "C" must have a usable row to get a quota, got 0']);
  });

  test('shares equally where all values are 0, with a warning', () => {
    const flat = WORKED.map((task) => ({ ...task, value: 0 }));
    const { tasks, warnings } = allocate(flat, { budgetRows: 4 });
    expect(tasks.map(({ quota }) => quota)).toEqual([2, 2]);
    expect(tasks.map(({ share }) => share)).toEqual([0.5, 0.5]);
    expect(warnings).toHaveLength(1);
  });

  test('gives a task of value 0 what capped tasks leave over', () => {
    const tasks = [
      { task: 'A', rowCount: 1, value: 5 },
      { task: 'B', rowCount: 9, value: 0 },
    ];
    expect(quotas(tasks, { budgetRows: 4 }, 10)).toEqual([1, 3]);
  });

  test('gives every row where the budget is the supply', () => {
    expect(quotas(WORKED, { budgetFraction: 1 })).toEqual([3, 2]);
  });

  test('warns above four copies of a row', () => {
    const tasks = [
      { task: 'big', rowCount: 100, value: 1 },
      { task: 'tiny', rowCount: 2, value: 1 },
    ];
    const config = { budgetRows: 18, overflow: 'repeat' } as const;
    expect(allocate(tasks, { ...config, budgetRows: 16 }, 102).warnings).toEqual([]);
    expect(allocate(tasks, config, 102).warnings).toEqual([
      'allocation: copies of a row should be at most 4, got 5 in task "tiny" (quota 9 of 2 rows)',
    ]);
  });

  test('refuses a budget above the supply, of no rows, and one set twice or never', () => {
    const large = [{ task: 'A', rowCount: 480, value: 1 }];
    expect(() => allocate(large, { budgetRows: 500 }, 480)).toThrow(
      new InvalidConfigError(
        'allocation: budget must be at most 480 usable rows, got 500; lower budget_rows or set overflow: repeat',
      ),
    );
    expect(() => allocate(large, { budgetFraction: 0.5, budgetBase: 'all' }, 2000)).toThrow(
      'got 1,000; lower budget_fraction',
    );
    expect(() => allocate(large, { budgetFraction: 0.001 }, 480)).toThrow('must be at least 1 row, got 0');
    expect(() => allocate([], { budgetRows: 1 }, 0)).toThrow('at least one usable row must remain, got 0');
    expect(() => allocate(large, { budgetRows: 1, budgetFraction: 0.5 }, 480)).toThrow('got both; set one to null');
    expect(() => allocate(large, {}, 480)).toThrow(InvalidConfigError);
  });

  test.each([NaN, Infinity, -1, null])('refuses the value %s of a task with rows', (value) => {
    expect(() => allocate([{ task: 'A', rowCount: 2, value }], { budgetRows: 1 })).toThrow(RangeError);
  });
});

const anyTasks = fc
  .array(fc.record({ rowCount: fc.nat(50), value: fc.double({ min: 0, max: 100, noNaN: true }) }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((tasks) => tasks.map((task, index) => ({ task: `t${index}`, ...task })))
  .filter((tasks) => tasks.some(({ rowCount }) => rowCount > 0));
const weightings = fc.constantFrom('value' as const, 'equal' as const, 'size' as const);

describe('allocateBudget for any tasks', () => {
  test('hands out the budget exactly and never more than a task has', () => {
    const property = fc.property(
      anyTasks,
      weightings,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (tasks, weighting, part) => {
        const supply = tasks.reduce((sum, { rowCount }) => sum + rowCount, 0);
        const budgetRows = Math.max(1, Math.round(part * supply));
        const { tasks: lines } = allocate(tasks, { budgetRows, weighting }, supply);
        expect(lines.reduce((sum, { quota }) => sum + quota, 0)).toBe(budgetRows);
        for (const { quota, rows } of lines) expect(quota).toBeLessThanOrEqual(rows);
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  test('hands out the budget exactly when rows repeat, within one row of the ideal quota', () => {
    const property = fc.property(
      anyTasks,
      weightings,
      fc.integer({ min: 1, max: 2000 }),
      (tasks, weighting, budgetRows) => {
        const { tasks: lines } = allocate(tasks, { budgetRows, weighting, overflow: 'repeat' }, 600);
        expect(lines.reduce((sum, { quota }) => sum + quota, 0)).toBe(budgetRows);
        for (const { quota, ideal } of lines) expect(Math.abs(quota - ideal)).toBeLessThanOrEqual(1);
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  test('does not depend on the order of the tasks', () => {
    const property = fc.property(
      anyTasks,
      weightings,
      fc.integer({ min: 1, max: 600 }),
      (tasks, weighting, budgetRows) => {
        const config = { budgetRows, weighting, overflow: 'repeat' } as const;
        const backward = allocate([...tasks].reverse(), config, 600);
        expect(backward.tasks.reverse()).toEqual(allocate(tasks, config, 600).tasks);
      },
    );
    fc.assert(property, { numRuns: 200 });
  });
});

describe('equalQuotas', () => {
  test('caps small tasks and hands on their rows', () => {
    const tasks = [
      { task: 'a', rowCount: 2 },
      { task: 'b', rowCount: 100 },
      { task: 'c', rowCount: 100 },
      { task: 'd', rowCount: 0 },
    ];
    expect(equalQuotas(tasks, 12)).toEqual([2, 5, 5, 0]);
    expect(equalQuotas(tasks, 13)).toEqual([2, 6, 5, 0]);
    expect(equalQuotas(tasks, 999)).toEqual([2, 100, 100, 0]);
    expect(equalQuotas([], 3)).toEqual([]);
  });
});
