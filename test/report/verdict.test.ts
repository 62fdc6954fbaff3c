import { describe, expect, test } from 'vitest';
import type { SelectionMethod } from '../../contracts/config.ts';
import type { RunSummary } from '../../contracts/summary.ts';
import { verdict } from '../../report/verdict.ts';
import { demoSummary } from './demo-summary.ts';

const PLAIN = (text: string): string => text.replaceAll('\u00a0', ' ');

interface Measured {
  method?: SelectionMethod;
  accuracy?: number;
  base?: number;
  others?: {
    method: SelectionMethod | null;
    difference: number;
    interval: [number, number] | null;
    selectedCount?: number;
  }[];
  distinctCount?: number;
  changes?: Partial<RunSummary>;
}

/** The demo with other scores; without an accuracy nothing but the base model is evaluated. */
function summaryOf({
  method = 'tive',
  accuracy,
  base,
  others = [],
  distinctCount = 1194,
  changes,
}: Measured): RunSummary {
  const summary = demoSummary();
  const training = summary.training.map((curve) => (curve.method === null ? curve : { ...curve, method }));
  const score = (of: SelectionMethod | null, macroAccuracy: number) => ({
    method: of,
    selectedCount: 1194,
    macroAccuracy,
    interval: null,
    meanLoss: 1,
    tasks: [],
  });
  const scores = [
    ...(accuracy === undefined ? [] : [score(method, accuracy)]),
    ...(base === undefined ? [] : [score(null, base)]),
  ];
  return {
    ...summary,
    training,
    selection: { method, budget: 1194, rowCount: 1194, distinctCount },
    evaluation:
      scores.length === 0
        ? null
        : { testRowCount: 2000, scores, differences: others.map((other) => ({ selectedCount: 1194, ...other })) },
    ...changes,
  };
}

const BEHIND = { method: 'task_balanced', difference: -0.025, interval: [-0.041, -0.01] } as const;
const BASE = { method: null, difference: 0.337, interval: [0.3, 0.37] as [number, number] };
const POOLED = { method: 'random', difference: 0.022, interval: [0.004, 0.04] } as const;

describe('verdict', () => {
  test.each<[string, Measured, string, string]>([
    [
      'a run behind the balanced choice says so',
      { accuracy: 0.426, others: [{ ...BEHIND, interval: [-0.041, -0.01] }] },
      'behind',
      'tive kept 1,194 of 7,960 usable rows (15 %) and reached 42.6 %; a task-balanced random choice of the same size reached 45.1 % (difference −2.5 points, 95 % interval −4.1 to −1.0): on this run the task-balanced random choice was better.',
    ],
    [
      'a run ahead says so',
      { accuracy: 0.462, others: [{ method: 'task_balanced', difference: 0.011, interval: [0.003, 0.019] }] },
      'ahead',
      'tive kept 1,194 of 7,960 usable rows (15 %) and reached 46.2 %; a task-balanced random choice of the same size reached 45.1 % (difference +1.1 points, 95 % interval +0.3 to +1.9): on this run tive was better.',
    ],
    [
      'an interval that holds 0 shows no difference, however large the gap',
      { accuracy: 0.5, others: [{ method: 'task_balanced', difference: 0.05, interval: [-0.001, 0.101] }] },
      'undecided',
      'tive kept 1,194 of 7,960 usable rows (15 %) and reached 50.0 %; a task-balanced random choice of the same size reached 45.0 % (difference +5.0 points, 95 % interval −0.1 to +10.1): on this run no difference could be shown.',
    ],
    [
      'too few test rows are called that',
      { accuracy: 0.5, others: [{ method: 'task_balanced', difference: 0.25, interval: null }] },
      'undecided',
      'tive kept 1,194 of 7,960 usable rows (15 %) and reached 50.0 %; a task-balanced random choice of the same size reached 25.0 % (difference +25.0 points, no interval): there are too few test rows to tell them apart.',
    ],
    [
      'without a balanced choice the pooled one is the measure',
      { accuracy: 0.426, others: [{ ...POOLED, interval: [0.004, 0.04], selectedCount: 1190 }] },
      'ahead',
      'tive kept 1,194 of 7,960 usable rows (15 %) and reached 42.6 %; a pooled random choice of 1,190 rows reached 40.4 % (difference +2.2 points, 95 % interval +0.4 to +4.0): on this run tive was better.',
    ],
    [
      'a random choice of the run itself is judged like any other',
      {
        method: 'random',
        accuracy: 0.404,
        others: [{ method: 'task_balanced', difference: -0.047, interval: [-0.068, -0.026] }],
      },
      'behind',
      'Pooled random choice kept 1,194 of 7,960 usable rows (15 %) and reached 40.4 %; a task-balanced random choice of the same size reached 45.1 % (difference −4.7 points, 95 % interval −6.8 to −2.6): on this run the task-balanced random choice was better.',
    ],
    [
      'a score alone says nothing about the choice',
      { accuracy: 0.426, base: 0.089 },
      'not_measured',
      'tive kept 1,194 of 7,960 usable rows (15 %) and reached 42.6 %; no random choice was evaluated beside it, so this run does not show whether the choice of rows matters.',
    ],
    [
      'the base model alone says nothing about the choice',
      { base: 0.089 },
      'not_measured',
      'tive kept 1,194 of 7,960 usable rows (15 %); only the base model was evaluated (8.9 %), so this run does not show how good the choice is.',
    ],
    [
      'no evaluation is said',
      {},
      'not_measured',
      'tive kept 1,194 of 7,960 usable rows (15 %); no model was evaluated, so this run does not show how good the choice is.',
    ],
    [
      'copies are told from rows',
      { distinctCount: 1000 },
      'not_measured',
      'tive kept 1,000 of 7,960 usable rows (12.6 %), 1,194 with copies; no model was evaluated, so this run does not show how good the choice is.',
    ],
  ])('%s', (_, measured, outcome, sentence) => {
    const found = verdict(summaryOf(measured));
    expect(PLAIN(found.sentence)).toBe(sentence);
    expect(found.outcome).toBe(outcome);
  });

  test('the strongest baseline is the measure; the others are remarks', () => {
    const found = verdict(
      summaryOf({
        accuracy: 0.426,
        base: 0.089,
        others: [BASE, { ...POOLED, interval: [0.004, 0.04] }, { ...BEHIND, interval: [-0.041, -0.01] }],
      }),
    );
    expect(found.outcome).toBe('behind');
    expect(PLAIN(found.sentence)).toContain(
      '; the strongest baseline, a task-balanced random choice of the same size, reached 45.1 % (',
    );
    expect(found.remarks.map(PLAIN)).toEqual([
      'Before fine-tuning the base model reached 8.9 % (difference +33.7 points, 95 % interval +30.0 to +37.0).',
      'Pooled random choice reached 40.4 % (difference +2.2 points, 95 % interval +0.4 to +4.0).',
      'Scores are macro accuracy over 2,000 test rows. Intervals cover the choice of test rows, not another seed of drawing and training: one run compares one draw of each; tive benchmark compares several.',
    ]);
  });

  test('a score is said as it is, not as a difference taken back', () => {
    // 0.5955 − 0.485 is 0.11049999999999999 in floating point.
    const pooled = { ...POOLED, interval: [0.004, 0.04] as [number, number] };
    const others = [{ ...BASE, difference: 0.5955 - 0.1105 }, pooled];
    const found = verdict(summaryOf({ accuracy: 0.5955, base: 0.11050000000000001, others }));
    expect(found.remarks.map(PLAIN)[0]).toMatch(/^Before fine-tuning the base model reached 11\.1 % /);
  });

  test('a run that the base model beats says so first, whatever random choice it beats, and is not ahead', () => {
    const found = verdict(
      summaryOf({
        accuracy: 0.145,
        base: 0.16,
        others: [
          { method: 'random', difference: -0.048, interval: [-0.06, -0.03] },
          { method: 'task_balanced', difference: 0.011, interval: [0.003, 0.019] },
          { method: null, difference: -0.015, interval: [-0.02, -0.01] },
        ],
      }),
    );
    expect(found.outcome).toBe('behind');
    expect(PLAIN(found.sentence)).toMatch(
      /^Fine-tuning made the model worse\. tive kept .* reached 14\.5 %; the strongest baseline, a pooled random choice of the same size, reached 19\.3 % .*: on this run the pooled random choice was better\.$/,
    );
    expect(found.findings.map(({ name }) => name)).toEqual(['tuning_harms', 'starved_tasks']);
  });

  test('where the base model is the strongest, it is what the run is compared with', () => {
    const others: Measured['others'] = [
      { method: 'task_balanced', difference: 0.011, interval: [0.003, 0.019] },
      { method: null, difference: -0.015, interval: [-0.03, 0.001] },
    ];
    const found = verdict(summaryOf({ accuracy: 0.145, base: 0.16, others }));
    expect(found.outcome).toBe('undecided');
    expect(PLAIN(found.sentence)).toMatch(
      /^Fine-tuning was not shown to improve the model\. .*the strongest baseline, the base model before fine-tuning, reached 16\.0 % .* no difference could be shown\.$/,
    );
  });

  test('a run is ahead only where it is ahead of every baseline, and equal scores are a tie', () => {
    const close: Measured['others'] = [
      { method: 'task_balanced', difference: 0.011, interval: [0.003, 0.019] },
      { method: 'random', difference: 0.02, interval: [-0.01, 0.05] },
    ];
    const found = verdict(summaryOf({ accuracy: 0.5, others: close }));
    expect(found.outcome).toBe('undecided');
    expect(found.sentence).toContain('no difference to the pooled random choice could be shown');
    const equal: Measured['others'] = [{ method: 'random', difference: 0.0002, interval: [-0.01, 0.01] }];
    expect(verdict(summaryOf({ accuracy: 0.5, others: equal })).sentence).toContain('on this run it is a tie.');
  });

  test('few steps, a loss that does not fall and tasks at 0 % in every method stand in the first line', () => {
    const summary = demoSummary(3);
    const training = summary.training.map((curve) => ({
      ...curve,
      stepCount: curve.method === null ? 1 : 7,
      losses: [13.9],
      smoothed: [13.9],
    }));
    const evaluation = {
      ...summary.evaluation!,
      scores: summary.evaluation!.scores.map((score) => ({
        ...score,
        tasks: score.tasks.map((task, index) => (index === 1 ? { ...task, accuracy: 0 } : task)),
      })),
    };
    const found = verdict({ ...summary, training, evaluation });
    expect(PLAIN(found.sentence)).toMatch(
      / The warm-up has only 1 step; each fine-tuning has only 7 steps; the loss of the warm-up did not fall; the loss of the fine-tuning did not fall; 1 of 3 tasks stands at 0 % in every method\.$/,
    );
    for (const { remedy } of found.findings) expect(remedy).not.toBe('');
  });
});
