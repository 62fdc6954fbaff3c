// Chart of the mixture: each task's share of the dataset and of the selection.
import * as Plot from '@observablehq/plot';
import type { RunSummary, TaskSummary } from '../contracts/summary.ts';
import { MAX_CHART_TASKS, drawSvg, figure, taskLabels } from './chart.ts';
import { percent, points, shorten } from './format.ts';
import type { Html } from './html.ts';
import { dataTable } from './data-table.ts';

const GROUP_HEIGHT = 38;

/** One task's part of the usable rows and of the selection, both in [0, 1]. */
export interface MixtureLine {
  task: string;
  before: number;
  after: number;
}

/** Shares of all tasks, copies counted, by falling share in the dataset. */
export function mixture(tasks: readonly TaskSummary[]): MixtureLine[] {
  const usable = tasks.reduce((sum, { usableCount }) => sum + usableCount, 0);
  const copies = tasks.reduce((sum, { copyCount }) => sum + copyCount, 0);
  const lines = tasks.map(({ task, usableCount, copyCount }) => ({
    task,
    before: usable === 0 ? 0 : usableCount / usable,
    after: copies === 0 ? 0 : copyCount / copies,
  }));
  return lines.sort((left, right) => right.before - left.before || (left.task < right.task ? -1 : 1));
}

/** Paired bars: share of each task in the dataset and in the selection. */
export function drawMixture(lines: readonly MixtureLine[], width: number): string {
  const { label, margin } = taskLabels(
    lines.map(({ task }) => task),
    width,
  );
  const bars = lines.flatMap(({ task, before, after }) => [
    { task: label(task), when: 'before', share: before },
    { task: label(task), when: 'after', share: after },
  ]);
  return drawSvg({
    width,
    height: lines.length * GROUP_HEIGHT + 34,
    marginLeft: margin,
    marginRight: 52,
    marginTop: 4,
    marginBottom: 30,
    x: {
      label: null,
      percent: true,
      grid: true,
      ticks: width < 500 ? 3 : 6,
      tickFormat: (value: number) => `${value} %`,
    },
    y: { axis: null, domain: ['before', 'after'], padding: 0.08 },
    fy: { label: null, domain: lines.map(({ task }) => label(task)), axis: 'left', padding: 0.24 },
    marks: [
      Plot.barX(bars, { x: 'share', y: 'when', fy: 'task', fill: (bar: { when: string }) => colorOf(bar.when) }),
      Plot.text(bars, {
        x: 'share',
        y: 'when',
        fy: 'task',
        text: (bar: { share: number }) => percent(bar.share),
        textAnchor: 'start',
        dx: 5,
        fontSize: 12,
      }),
    ],
    color: { type: 'identity' },
  });
}

/** The figure of section "mixture". */
export function mixtureFigure(summary: RunSummary): Html {
  const lines = mixture(summary.tasks);
  const shown = lines.slice(0, MAX_CHART_TASKS);
  return figure({
    finding: mixtureFinding(lines),
    draw: (width) => drawMixture(shown, width),
    legend: [
      { label: 'usable rows of the dataset', color: 'var(--before)', mark: 'bar' },
      { label: 'selected rows', color: 'var(--selected)', mark: 'bar' },
    ],
    table: dataTable(
      'Share of each task before and after',
      [
        { heading: 'Task', kind: 'text', cell: ({ task }: MixtureLine) => task },
        { heading: 'Before', kind: 'number', cell: ({ before }) => percent(before), sortBy: ({ before }) => before },
        { heading: 'After', kind: 'number', cell: ({ after }) => percent(after), sortBy: ({ after }) => after },
        {
          heading: 'Change in points',
          kind: 'number',
          cell: ({ before, after }) => points(after - before),
          sortBy: ({ before, after }) => after - before,
        },
      ],
      lines,
    ),
  });
}

/** Which task gained and which lost most. */
export function mixtureFinding(lines: readonly MixtureLine[]): string {
  const byChange = [...lines].sort((left, right) => right.after - right.before - (left.after - left.before));
  const most = byChange[0];
  const least = byChange.at(-1);
  const limit =
    lines.length > MAX_CHART_TASKS ? ` The ${MAX_CHART_TASKS} largest of ${lines.length} tasks are drawn.` : '';
  if (most === undefined || least === undefined || most.after - most.before < 0.0005)
    return `The selection has the same mixture of tasks as the dataset.${limit}`;
  const move = ({ task, before, after }: MixtureLine): string =>
    `${shorten(task, 40)} from ${percent(before)} to ${percent(after)}`;
  return `The selection moves most towards ${move(most)}, and most away from ${move(least)}.${limit}`;
}

function colorOf(when: string): string {
  return when === 'before' ? 'var(--before)' : 'var(--selected)';
}
