// Charts of the evaluation: scores of the methods, over all and by task.
import * as Plot from '@observablehq/plot';
import { strongestBaseline } from '../contracts/methods.ts';
import type { EvaluationSummary, ScoreSummary } from '../contracts/summary.ts';
import { MAX_CHART_TASKS, drawSvg, figure, taskLabels } from './chart.ts';
import { count, number, percent } from './format.ts';
import type { Html } from './html.ts';
import { methodName } from './method-names.ts';
import { dataTable } from './data-table.ts';

const LINE_HEIGHT = 34;

/** Colours of the methods by their place: the run's own first, then those it is compared with. */
const COLORS = ['var(--selected)', 'var(--before)', 'var(--good)', 'var(--bad)', 'var(--warning)'];

/** Symbols beside the colours, so that no method is told by colour alone. */
const SYMBOLS = ['circle', 'square2', 'triangle2', 'diamond2', 'star'] as const;
const SYMBOL_NAMES = ['●', '■', '▲', '◆', '★'] as const;

/** Bars of macro accuracy with their intervals. */
export function drawScores(scores: readonly ScoreSummary[], width: number): string {
  const bars = scores.map((score, index) => ({
    name: methodName(score.method),
    accuracy: score.macroAccuracy,
    low: score.interval?.[0] ?? score.macroAccuracy,
    high: score.interval?.[1] ?? score.macroAccuracy,
    color: index === 0 ? 'var(--selected)' : score.method === null ? 'var(--muted)' : 'var(--before)',
  }));
  const margin = width < 500 ? 104 : 190;
  return drawSvg({
    width,
    height: bars.length * LINE_HEIGHT + 34,
    marginLeft: margin,
    marginRight: 54,
    marginTop: 4,
    marginBottom: 30,
    x: {
      label: null,
      percent: true,
      grid: true,
      zero: true,
      // Without a bar above 0 there is no scale to draw.
      ...(bars.some(({ high }) => high > 0) ? {} : { domain: [0, 100] }),
      ticks: width < 500 ? 3 : 6,
      tickFormat: (value: number) => `${value} %`,
    },
    y: { label: null, domain: bars.map(({ name }) => name), tickSize: 0, padding: 0.3, axis: null },
    color: { type: 'identity' },
    marks: [
      Plot.axisY({ tickSize: 0, label: null, lineWidth: width < 500 ? 8 : 20 }),
      Plot.barX(bars, { x: 'accuracy', y: 'name', fill: 'color', fillOpacity: 0.85 }),
      Plot.link(bars, { x1: 'low', x2: 'high', y: 'name', stroke: 'var(--text)', strokeWidth: 1.5 }),
      Plot.tickX(bars, { x: 'low', y: 'name', stroke: 'var(--text)', inset: 6 }),
      Plot.tickX(bars, { x: 'high', y: 'name', stroke: 'var(--text)', inset: 6 }),
      Plot.text(bars, {
        x: 'high',
        y: 'name',
        text: (bar: { accuracy: number }) => percent(bar.accuracy),
        textAnchor: 'start',
        dx: 6,
      }),
    ],
  });
}

/** The figure of the scores. */
export function scoreFigure({ scores, testRowCount }: EvaluationSummary): Html {
  const best = scores.reduce((highest, score) => (score.macroAccuracy > highest.macroAccuracy ? score : highest));
  return figure({
    finding: `Macro accuracy over ${count(testRowCount)} test rows; highest is ${methodName(best.method)} with ${percent(best.macroAccuracy)}. Lines are 95\u00a0% intervals over test rows.`,
    draw: (width) => drawScores(scores, width),
    table: dataTable(
      'Scores',
      [
        { heading: 'Method', kind: 'text', cell: ({ method }: ScoreSummary) => methodName(method) },
        {
          heading: 'Rows tuned on',
          kind: 'number',
          cell: ({ selectedCount }) => count(selectedCount),
          sortBy: ({ selectedCount }) => selectedCount,
        },
        {
          heading: 'Macro accuracy',
          kind: 'number',
          cell: ({ macroAccuracy }) => percent(macroAccuracy),
          sortBy: ({ macroAccuracy }) => macroAccuracy,
        },
        {
          heading: '95\u00a0% interval',
          kind: 'number',
          cell: ({ interval }) => (interval === null ? '–' : `${percent(interval[0])} – ${percent(interval[1])}`),
        },
        ...(scores.some(({ generated }) => generated !== undefined)
          ? [
              {
                heading: 'Generated accuracy',
                title: 'of answers in free text, over the tasks with short ones',
                kind: 'number' as const,
                cell: ({ generated }: ScoreSummary) => percent(generated?.accuracy ?? null),
                sortBy: ({ generated }: ScoreSummary) => generated?.accuracy ?? null,
              },
            ]
          : []),
        {
          heading: 'Mean loss',
          kind: 'number',
          cell: ({ meanLoss }) => number(meanLoss),
          sortBy: ({ meanLoss }) => meanLoss,
        },
      ],
      scores,
    ),
  });
}

/** One line a task: the accuracy of every method as a dot of its own colour and shape. */
export function drawTaskScores(scores: readonly ScoreSummary[], tasks: readonly string[], width: number): string {
  const { label, margin } = taskLabels(tasks, width);
  const dots = scores.flatMap((score, index) =>
    score.tasks
      .filter(({ task }) => tasks.includes(task))
      .map(({ task, accuracy }) => ({ task: label(task), accuracy, color: COLORS[index]!, symbol: SYMBOLS[index]! })),
  );
  const shapes = [...new Set(dots.map(({ symbol }) => symbol))];
  return drawSvg({
    width,
    height: tasks.length * 26 + 34,
    marginLeft: margin,
    marginRight: 16,
    marginTop: 4,
    marginBottom: 30,
    x: {
      label: null,
      percent: true,
      grid: true,
      domain: [0, 100],
      ticks: width < 500 ? 3 : 6,
      tickFormat: (value: number) => `${value} %`,
    },
    y: { label: null, domain: tasks.map((task) => label(task)), tickSize: 0, grid: true },
    color: { type: 'identity' },
    symbol: { domain: shapes, range: shapes },
    marks: [
      Plot.dot(dots, {
        x: 'accuracy',
        y: 'task',
        fill: 'color',
        symbol: 'symbol',
        r: 5,
        fillOpacity: 0.9,
        stroke: 'var(--page)',
        strokeWidth: 0.75,
      }),
    ],
  });
}

/** The figure of the scores task by task, of at most five methods without the base model. */
export function taskScoreFigure({ scores }: EvaluationSummary): Html {
  const tuned = scores.filter(({ method }) => method !== null).slice(0, COLORS.length);
  const tasks = tuned[0]?.tasks.map(({ task }) => task) ?? [];
  return figure({
    finding: taskScoreFinding(tuned),
    draw: (width) => drawTaskScores(tuned, tasks.slice(0, MAX_CHART_TASKS), width),
    legend: tuned.map(({ method }, index) => ({
      label: methodName(method),
      color: COLORS[index]!,
      mark: { symbol: SYMBOL_NAMES[index]! },
    })),
    table: taskScoreTable(scores),
  });
}

/** The widest gap between the run's own method and the one after it. */
function taskScoreFinding(tuned: readonly ScoreSummary[]): string {
  const [own, ...others] = tuned;
  const baseline = strongestBaseline(others.map(({ method }) => method));
  const other = others.find(({ method }) => method === baseline) ?? others[0];
  if (own === undefined || other === undefined) return 'Accuracy by task.';
  const gaps = own.tasks.flatMap(({ task, accuracy }) => {
    const match = other.tasks.find((candidate) => candidate.task === task);
    return match === undefined ? [] : [{ task, own: accuracy, other: match.accuracy }];
  });
  const widest = gaps.reduce(
    (most, gap) => (Math.abs(gap.own - gap.other) > Math.abs(most.own - most.other) ? gap : most),
    gaps[0]!,
  );
  const ahead = gaps.filter((gap) => gap.own > gap.other).length;
  return (
    `${methodName(own.method)} scores higher than ${methodName(other.method)} in ${ahead} of ${gaps.length} tasks; ` +
    `the widest gap is ${widest.task}: ${percent(widest.own)} against ${percent(widest.other)}.`
  );
}

/** Accuracy of every method in every task. */
export function taskScoreTable(scores: readonly ScoreSummary[]): Html {
  const accuracy = (score: ScoreSummary, task: string): number | null =>
    score.tasks.find((candidate) => candidate.task === task)?.accuracy ?? null;
  const rows = scores[0]?.tasks ?? [];
  return dataTable(
    'Accuracy by task',
    [
      { heading: 'Task', kind: 'text', cell: ({ task }: ScoreSummary['tasks'][number]) => task },
      {
        heading: 'Test rows',
        kind: 'number',
        cell: ({ rowCount }) => count(rowCount),
        sortBy: ({ rowCount }) => rowCount,
      },
      ...scores.map((score) => ({
        heading: methodName(score.method),
        kind: 'number' as const,
        cell: ({ task }: { task: string }) => percent(accuracy(score, task)),
        sortBy: ({ task }: { task: string }) => accuracy(score, task),
      })),
    ],
    rows,
    ['Macro mean', '', ...scores.map(({ macroAccuracy }) => percent(macroAccuracy))],
  );
}
