import { describe, expect, test } from 'vitest';
import { checkedRun, checkRun, findingText } from '../../report/checks.ts';
import type { CheckedRun } from '../../report/checks.ts';
import { DEMO_CONFIG, demoSummary } from './demo-summary.ts';

/** A run before it begins, with nothing to object to. */
const PLANNED: CheckedRun = {
  config: DEMO_CONFIG,
  usableCount: 7960,
  budget: 1194,
  taskCount: 10,
  quotas: null,
  warmup: { stepCount: 120, losses: null },
  finetune: { stepCount: 225, losses: null },
  evaluation: null,
};

const names = (changes: Partial<CheckedRun>): string[] => checkRun({ ...PLANNED, ...changes }).map(({ name }) => name);
const { selection, evaluation } = DEMO_CONFIG;
const task = (name: string, rows: number, quota: number) => ({ task: name, rows, quota });

describe('checks of a run', () => {
  test('find nothing in the demo before it, and after it the task that its quotas starve', () => {
    expect(names({})).toEqual([]);
    const found = checkRun(checkedRun(demoSummary()));
    expect(found.map(({ name }) => name)).toEqual(['starved_tasks']);
    expect(found[0]!.finding).toContain('less than half of what equal quotas would: scene_caption 46 of 119 rows');
  });

  test.each<[string, Partial<CheckedRun>]>([
    ['warmup_steps', { warmup: { stepCount: 99, losses: null } }],
    ['finetune_steps', { finetune: { stepCount: 7, losses: null } }],
    ['warmup_loss', { warmup: { stepCount: 100, losses: { first: 13.9, last: 13.9 } } }],
    ['finetune_loss', { finetune: { stepCount: 100, losses: { first: 2, last: 3 } } }],
    ['few_test_rows', { config: { ...DEMO_CONFIG, evaluation: { ...evaluation, maxRows: 29 } } }],
    ['no_test_rows', { config: { ...DEMO_CONFIG, evaluation: { ...evaluation, path: null } } }],
    ['no_test_rows', { config: { ...DEMO_CONFIG, finetune: { ...DEMO_CONFIG.finetune, enabled: false } } }],
    ['no_random_choice', { config: { ...DEMO_CONFIG, evaluation: { ...evaluation, compare: ['grand'] } } }],
    ['one_task', { taskCount: 1 }],
    ['rows_for_tasks', { budget: 9 }],
    ['nearly_all', { budget: 7200 }],
    ['starved_tasks', { quotas: [task('a', 1000, 149), task('b', 1000, 451)] }],
  ])('before a run: %s', (name, changes) => {
    const found = checkRun({ ...PLANNED, ...changes });
    expect(found.map((one) => one.name)).toEqual([name]);
    expect(findingText(found[0]!)).toMatch(/^[A-Z].*\. What to do: .*\.$/);
  });

  test('a task that gets half of an equal share, or all of its few rows, is not starved', () => {
    expect(names({ quotas: [task('a', 1000, 150), task('b', 1000, 450)] })).toEqual([]);
    expect(names({ quotas: [task('a', 20, 20), task('b', 1000, 580)] })).toEqual([]);
  });

  test('a method whose quotas do not follow values is not asked for tasks', () => {
    const config = { ...DEMO_CONFIG, selection: { ...selection, method: 'task_balanced' as const } };
    expect(names({ config, taskCount: 1 })).toEqual([]);
  });

  test('what is not known yet, or no part of the run, is not objected to', () => {
    expect(names({ taskCount: null, budget: null, warmup: null, finetune: null })).toEqual([]);
  });

  test('after a run: a score below the base model’s, an interval that is missing, tasks that nobody solves', () => {
    const { evaluation: measured } = demoSummary();
    const differences = measured!.differences.map((one) => ({ ...one, difference: -0.1, interval: null }));
    const scores = measured!.scores.map((score) => ({
      ...score,
      tasks: score.tasks.map((task) => ({ ...task, accuracy: task.task === 'digit_sum' ? 0 : task.accuracy })),
    }));
    const found = checkRun({ ...PLANNED, evaluation: { ...measured!, differences, scores } });
    expect(found.map(({ name }) => name)).toEqual(['tuning_harms', 'tasks_at_zero', 'few_test_rows']);
    expect(found[1]!.finding).toContain('digit_sum');
  });
});
