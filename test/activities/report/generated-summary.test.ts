// Scores of generated answers in the report's summary and on its page.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { summarizeEvaluation } from '../../../activities/report/evaluation-summary.ts';
import type { RunResult } from '../../../contracts/messages/run.ts';
import type { EvaluationResult } from '../../../contracts/messages/training.ts';
import type { SelectionMethod } from '../../../contracts/config.ts';
import type { EvaluationSummary } from '../../../contracts/summary.ts';
import { renderReport } from '../../../report/render-report.ts';
import { verdict } from '../../../report/verdict.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { generatedOutcomesTable, outcomesTable } from '../../../tables/outcomes.ts';
import { DEMO_CONFIG, demoSummary } from '../../report/demo-summary.ts';
import { makeArtifact } from '../../tables/artifact.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-generated-'));
const store = new LocalStore(folder);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Rows 0–39 of task `sum`, of which the last is cut, and 40–59 of task `tell`, whose answers are long. */
const ROWS = 60;
const ASKED = 39;
const rows = Array.from({ length: ROWS }, (_, row) => row);

/** An evaluation in which every second row is right teacher forced; with `scoreOf`, answers that are scored by it. */
async function evaluation(name: string, scoreOf: ((row: number) => number) | null): Promise<EvaluationResult> {
  const batch = {
    rowCount: ROWS,
    rowIndex: Uint32Array.from(rows),
    task: rows.map((row) => (row < 40 ? 'sum' : 'tell')),
    loss: new Float64Array(ROWS),
    correct: rows.map((row) => row % 2 === 0),
  };
  const answers = <Value>(of: (row: number) => Value) => rows.map((row) => (row < ASKED ? of(row) : null));
  const outcomes = await makeArtifact(store, 'evaluation', { name }, async (place) => [
    scoreOf === null
      ? await outcomesTable.write(store, place, [batch])
      : await generatedOutcomesTable.write(store, place, [
          {
            ...batch,
            generatedText: answers((row) => `answer ${row}`),
            generatedRight: answers((row) => scoreOf(row) === 1),
            generatedScore: answers(scoreOf),
          },
        ]),
  ]);
  const plain = [
    { task: 'sum', rowCount: 40, correctCount: 20, meanLoss: 0 },
    { task: 'tell', rowCount: 20, correctCount: 10, meanLoss: 0 },
  ] as const;
  const done = { outcomes, macroAccuracy: 0.5, meanLoss: 0, cached: false };
  if (scoreOf === null) return { ...done, tasks: [...plain] };
  const scoreSum = rows.slice(0, ASKED).reduce((sum, row) => sum + scoreOf(row), 0);
  const tasks = [
    { ...plain[0], generated: { rowCount: ASKED, scoreSum, isOwnScorer: true } },
    { ...plain[1], generated: null },
  ];
  return { ...done, tasks, macroGenerated: scoreSum / ASKED };
}

function summaryOf(evaluations: Partial<Record<SelectionMethod, EvaluationResult>>): Promise<EvaluationSummary | null> {
  const methods = Object.entries(evaluations).map(([method, evaluated]) => {
    return { method, selection: { rowCount: 9 }, evaluation: evaluated };
  });
  return summarizeEvaluation(store, { methods, baseEvaluation: null, config: DEMO_CONFIG } as unknown as RunResult);
}

const page = (summary: EvaluationSummary | null): string =>
  renderReport({ ...demoSummary(2), evaluation: summary }).replaceAll('\u00a0', ' ');

test('generated answers have scores with intervals beside the others, which stay as they are', async () => {
  const thirds = await evaluation('thirds', (row) => Number(row % 3 === 0));
  const halves = await evaluation('halves', () => 0.5);
  const summary = await summaryOf({ tive: thirds, task_balanced: halves });
  expect(summary!.asked).toEqual({ leftOut: ['tell'], cutRowCount: 1 });
  const [own, other] = summary!.scores.map(({ generated }) => generated!);
  expect(own).toMatchObject({ accuracy: 13 / 39, tasks: [{ task: 'sum', rowCount: 39, isOwnScorer: true }] });
  // sd √(1/3 · 2/3 / 39): 7.5 points; of equal scores none.
  expect(own!.interval).toBeAllclose([0.333 - 0.148, 0.333 + 0.148], { rtol: 0, atol: 0.03 });
  expect(other!.interval).toBeAllclose([0.5, 0.5], { rtol: 0, atol: 1e-12 });
  const plain = await summaryOf({ tive: await evaluation('a', null), task_balanced: await evaluation('b', null) });
  expect(summary!.scores).toMatchObject(plain!.scores);
  expect(plain!.scores[0]).not.toHaveProperty('generated');
  expect(Object.keys(plain!).sort()).toEqual(['differences', 'scores', 'testRowCount']);
  expect(verdict({ ...demoSummary(2), evaluation: summary })).toEqual(
    verdict({ ...demoSummary(2), evaluation: plain }),
  );
});

test('the page labels them, names what was left out and who scored, and shows nothing where there are none', async () => {
  const asked = page(
    await summaryOf({
      tive: await evaluation('thirds', (row) => Number(row % 3 === 0)),
      task_balanced: await evaluation('halves', () => 0.5),
    }),
  );
  for (const text of [
    'Generated accuracy, mean over tasks, of 39 test rows; highest is task-balanced random choice with 50.0 %.',
    'Scored by scorers of your own instead: sum.',
    'Left out, since their answers are not short: tell.',
    '1 row was not asked, cut at the longest length.',
    'own scorer',
  ])
    expect(asked).toContain(text);
  const plain = await evaluation('a', null);
  expect(page(await summaryOf({ tive: plain }))).not.toContain('enerated accuracy');
  // A model that was not asked, as of an earlier recipe: nothing could be compared.
  const mixed = { tive: await evaluation('halves', () => 0.5), task_balanced: plain };
  expect(page(await summaryOf(mixed))).not.toContain('enerated accuracy');
});
