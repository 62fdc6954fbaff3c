// Checks of a run, before it and after it: what makes its numbers say little, and what to do about it.
import { WANTED_STEPS } from '../contracts/training-words.ts';
import type { Config } from '../contracts/config.ts';
import { isRandomChoice, quotasOf } from '../contracts/methods.ts';
import type { DifferenceSummary, EvaluationSummary, RunSummary } from '../contracts/summary.ts';
import { workOf } from '../contracts/work.ts';
import { count, number, points, pointsInterval, share, shorten } from './format.ts';

/** What the checks read of a run. Null: not known yet, or no part of the run. */
export interface CheckedRun {
  config: Config;
  usableCount: number;
  /** Rows that are chosen. */
  budget: number | null;
  taskCount: number | null;
  /** Usable rows and quota of each task that has one; null where quotas are not known yet. */
  quotas: readonly { task: string; rows: number; quota: number }[] | null;
  warmup: CheckedTraining | null;
  /** Of the run's own method. */
  finetune: CheckedTraining | null;
  evaluation: EvaluationSummary | null;
}

export interface CheckedTraining {
  stepCount: number;
  /** Loss of the first step and running mean at the end; null before the run. */
  losses: { first: number; last: number } | null;
}

/** What a check has found. */
export interface CheckFinding {
  name: string;
  /** What is so, without a full stop. */
  finding: string;
  /** What to do. */
  remedy: string;
  /** A short form for the first line of the verdict; null where the finding is not for it. */
  headline: string | null;
}

interface Check {
  remedy: string;
  find: (run: CheckedRun) => Omit<CheckFinding, 'name' | 'remedy'> | null;
}

/** A loss that stays above this share of the first one has not fallen. */
const FALLEN_SHARE = 0.98;
/** A choice of more than this share of the rows leaves little out. */
const NEARLY_ALL = 0.9;
/** A task that gets less than this share of what equal quotas would give it is starved. */
const STARVED_SHARE = 0.5;
const LEAST_TEST_ROWS = 30;
const LISTED = 5;

/** Every check, in the order in which findings are listed. */
const CHECKS: Readonly<Record<string, Check>> = {
  tuning_harms: {
    remedy:
      'check model.template and that test rows look like the training rows; ' +
      'raise finetune.epochs or finetune.learning_rate where the losses hardly fell, lower them where they fell and the score did not rise',
    find: ({ evaluation }) => {
      const base = evaluation?.differences.find(({ method }) => method === null);
      if (base === undefined || outcomeOf(base) === 'ahead') return null;
      if (base.interval === null && base.difference > 0) return null;
      const headline =
        outcomeOf(base) === 'behind'
          ? 'fine-tuning made the model worse'
          : 'fine-tuning was not shown to improve the model';
      return { headline, finding: `${headline}: ${differenceText(base)} against the base model` };
    },
  },
  warmup_steps: {
    remedy: 'raise warmup.fraction or warmup.epochs, lower warmup.batch_size, or give more rows',
    find: ({ warmup }) => fewSteps(warmup, 'the warm-up', 'rows are valued at a model that has hardly been trained'),
  },
  finetune_steps: {
    remedy: 'raise the budget or finetune.epochs, lower finetune.batch_size, or give more rows',
    find: ({ finetune }) =>
      fewSteps(finetune, 'each fine-tuning', 'its scores say little about a training of the usual length'),
  },
  warmup_loss: {
    remedy: 'raise warmup.learning_rate or warmup.epochs, and check model.template',
    find: ({ warmup }) => noFall(warmup, 'the warm-up', 'rows are valued at an untrained model'),
  },
  finetune_loss: {
    remedy: 'raise finetune.learning_rate or finetune.epochs, and check model.template',
    find: ({ finetune }) => noFall(finetune, 'the fine-tuning', 'the chosen rows have taught the model nothing'),
  },
  tasks_at_zero: {
    remedy:
      'a row counts as right only when every token of its answer is: look at the answers of these tasks, train longer, or judge them by a measure of your own',
    find: ({ evaluation }) => {
      const names = tasksAtZero(evaluation);
      if (names.length === 0) return null;
      const all = evaluation!.scores[0]!.tasks.length;
      const headline = `${count(names.length)} of ${count(all)} tasks ${names.length === 1 ? 'stands' : 'stand'} at 0\u00a0% in every method`;
      return { headline, finding: `${headline}: ${listed(names)}` };
    },
  },
  starved_tasks: {
    remedy:
      'compare with selection.method: auto over several seeds (tive benchmark) before you trust such quotas; ' +
      'values.task_value: gradient_norm_sum values long answers more, allocation.weighting: equal shares equally',
    find: ({ quotas }) => {
      const starved = starvedTasks(quotas ?? []);
      if (starved.length === 0) return null;
      const few = starved.map(({ task, quota, equal }) => `${shorten(task, 40)} ${count(quota)} of ${count(equal)}`);
      const more = few.length > LISTED ? [`and ${few.length - LISTED} more`] : [];
      const finding = `the quotas give some tasks less than half of what equal quotas would: ${[...few.slice(0, LISTED), ...more].join(', ')} rows`;
      return { headline: null, finding };
    },
  },
  few_test_rows: {
    remedy: `give ${LEAST_TEST_ROWS} test rows or more, two or more of each task, and raise evaluation.max_rows`,
    find: ({ evaluation, config }) => {
      const tooFew =
        evaluation === null
          ? evaluates(config) && config.evaluation.maxRows < LEAST_TEST_ROWS
          : evaluation.differences.some(({ interval }) => interval === null);
      return tooFew ? { headline: null, finding: 'there are too few test rows for an interval' } : null;
    },
  },
  no_test_rows: {
    remedy: 'set evaluation.path to test rows that are not among the training rows',
    find: ({ config, evaluation }) =>
      evaluation !== null || evaluates(config)
        ? null
        : { headline: null, finding: 'no model is scored on test rows, so the run cannot show how good its choice is' },
  },
  no_random_choice: {
    remedy: 'set evaluation.compare: [random, task_balanced]',
    find: ({ config }) =>
      !evaluates(config) || workOf(config, 'report').methods.some(isRandomChoice)
        ? null
        : {
            headline: null,
            finding: 'no random choice is compared with, so the run cannot show whether the rows matter',
          },
  },
  one_task: {
    remedy:
      'name the key that holds the task (dataset.task_field), or let questions be grouped (dataset.task_rules: cluster)',
    find: ({ taskCount, config: { selection, allocation } }) =>
      taskCount === 1 && quotasOf(selection.method, allocation.weighting) === 'value'
        ? { headline: null, finding: 'all rows are of one task, so task values decide nothing' }
        : null,
  },
  rows_for_tasks: {
    remedy: 'raise allocation.budget_fraction, or merge tasks by dataset.task_rules',
    find: ({ taskCount, budget }) =>
      taskCount !== null && budget !== null && budget < taskCount
        ? {
            headline: null,
            finding: `the budget of ${count(budget)} rows is less than one for each of ${count(taskCount)} tasks`,
          }
        : null,
  },
  nearly_all: {
    remedy: 'lower allocation.budget_fraction',
    find: ({ budget, usableCount }) =>
      budget !== null && budget > NEARLY_ALL * usableCount
        ? {
            headline: null,
            finding: `the budget is ${share(budget / usableCount)} of the usable rows: hardly any is left out`,
          }
        : null,
  },
};

/** What the checks find, most pressing first. */
export function checkRun(run: CheckedRun): CheckFinding[] {
  return Object.entries(CHECKS).flatMap(([name, { remedy, find }]) => {
    const found = find(run);
    return found === null ? [] : [{ name, remedy, ...found }];
  });
}

/** What the checks read of a finished run. */
export function checkedRun({ config, dataset, selection, tasks, training, evaluation }: RunSummary): CheckedRun {
  const trainingOf = (method: typeof selection.method | null): CheckedTraining | null => {
    const curve = training.find((one) => one.method === method);
    if (curve === undefined) return null;
    return { stepCount: curve.stepCount, losses: { first: curve.losses[0]!, last: curve.smoothed.at(-1)! } };
  };
  return {
    config,
    usableCount: dataset.usableCount,
    budget: selection.budget,
    taskCount: tasks.filter(({ quota }) => quota !== null).length,
    quotas: tasks.flatMap(({ task, usableCount, quota }) =>
      quota === null ? [] : [{ task, rows: usableCount, quota }],
    ),
    warmup: trainingOf(null),
    finetune: trainingOf(selection.method),
    evaluation,
  };
}

/** Tasks far below their share of equal quotas, a small task's being all of its rows; the worst first. */
function starvedTasks(quotas: NonNullable<CheckedRun['quotas']>): { task: string; quota: number; equal: number }[] {
  const budget = quotas.reduce((sum, { quota }) => sum + quota, 0);
  const shares = quotas.map(({ task, rows, quota }) => {
    return { task, quota, equal: Math.min(rows, Math.round(budget / quotas.length)) };
  });
  return shares
    .filter(({ quota, equal }) => quota < STARVED_SHARE * equal)
    .sort((left, right) => left.quota / left.equal - right.quota / right.equal);
}

/** A finding with what to do, as a sentence. */
export function findingText({ finding, remedy }: CheckFinding): string {
  return `${finding.charAt(0).toUpperCase()}${finding.slice(1)}. What to do: ${remedy}.`;
}

/** Ahead or behind only where the interval leaves out 0. */
export function outcomeOf({ interval }: Pick<DifferenceSummary, 'interval'>): 'ahead' | 'behind' | 'undecided' {
  if (interval === null) return 'undecided';
  if (interval[0] > 0) return 'ahead';
  return interval[1] < 0 ? 'behind' : 'undecided';
}

/** `difference +1.1 points, 95 % interval +0.3 to +1.9` */
export function differenceText({ difference, interval }: DifferenceSummary): string {
  const range = interval === null ? 'no interval' : `95\u00a0% interval ${pointsInterval(interval)}`;
  return `difference ${points(difference)} points, ${range}`;
}

function evaluates(config: Config): boolean {
  return workOf(config, 'report').evaluates;
}

function fewSteps(training: CheckedTraining | null, name: string, means: string): ReturnType<Check['find']> {
  if (training === null || training.stepCount >= WANTED_STEPS) return null;
  const steps = `${count(training.stepCount)} step${training.stepCount === 1 ? '' : 's'}`;
  const headline = `${name} has only ${steps}`;
  return { headline, finding: `${headline}, of ${WANTED_STEPS} wanted: ${means}` };
}

function noFall(training: CheckedTraining | null, name: string, means: string): ReturnType<Check['find']> {
  const losses = training?.losses ?? null;
  if (losses === null || losses.last <= FALLEN_SHARE * losses.first) return null;
  const headline = `the loss of ${name} did not fall`;
  return { headline, finding: `${headline} (${number(losses.first)} to ${number(losses.last)}): ${means}` };
}

function tasksAtZero(evaluation: EvaluationSummary | null): string[] {
  const tuned = evaluation?.scores.filter(({ method }) => method !== null) ?? [];
  const [first] = tuned;
  if (first === undefined) return [];
  const isZero = (task: string): boolean =>
    tuned.every(({ tasks }) => tasks.find((one) => one.task === task)?.accuracy === 0);
  return first.tasks.map(({ task }) => task).filter(isZero);
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, LISTED).map((name) => shorten(name, 40));
  return names.length > LISTED ? `${shown.join(', ')} and ${names.length - LISTED} more` : shown.join(', ');
}
