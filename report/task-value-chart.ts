// Chart of the task values with their intervals.
import * as Plot from '@observablehq/plot';
import type { RunSummary, TaskSummary } from '../contracts/summary.ts';
import { MAX_CHART_TASKS, drawSvg, figure, taskLabels } from './chart.ts';
import { count, number, shorten } from './format.ts';
import type { Html } from './html.ts';
import { dataTable } from './data-table.ts';

const LINE_HEIGHT = 26;

interface ValuedTask {
  task: string;
  usableCount: number;
  value: number;
  interval: [number, number] | null;
  meanSupervisedTokens: number | null;
}

/** Tasks that have a value, highest first. */
export function valuedTasks(tasks: readonly TaskSummary[]): ValuedTask[] {
  const valued = tasks.flatMap(({ value, ...rest }) => (value === null ? [] : [{ ...rest, value }]));
  return valued.sort((left, right) => right.value - left.value || (left.task < right.task ? -1 : 1));
}

/** Bars of the task values with their intervals. */
export function drawTaskValues(tasks: readonly ValuedTask[], width: number): string {
  const { label, margin } = taskLabels(
    tasks.map(({ task }) => task),
    width,
  );
  const bars = tasks.map(({ task, value, interval }) => ({
    task: label(task),
    value,
    low: interval?.[0] ?? value,
    high: interval?.[1] ?? value,
  }));
  return drawSvg({
    width,
    height: tasks.length * LINE_HEIGHT + 34,
    marginLeft: margin,
    marginRight: 52,
    marginTop: 4,
    marginBottom: 30,
    x: {
      label: null,
      grid: true,
      zero: true,
      // Without a bar above 0 there is no scale to draw.
      ...(bars.some(({ high }) => high > 0) ? {} : { domain: [0, 1] }),
      ticks: width < 500 ? 3 : 6,
    },
    y: { label: null, domain: bars.map(({ task }) => task), tickSize: 0, padding: 0.3 },
    marks: [
      Plot.barX(bars, { x: 'value', y: 'task', fill: 'var(--selected)', fillOpacity: 0.85 }),
      Plot.link(bars, { x1: 'low', x2: 'high', y: 'task', stroke: 'var(--text)', strokeWidth: 1.5 }),
      Plot.tickX(bars, { x: 'low', y: 'task', stroke: 'var(--text)', inset: 4 }),
      Plot.tickX(bars, { x: 'high', y: 'task', stroke: 'var(--text)', inset: 4 }),
      Plot.text(bars, {
        x: 'high',
        y: 'task',
        text: (bar: { value: number }) => number(bar.value),
        textAnchor: 'start',
        dx: 6,
        fontSize: 12,
      }),
    ],
  });
}

/** The figure of the task values, or null where no task has one. */
export function taskValueFigure(summary: RunSummary): Html | null {
  const tasks = valuedTasks(summary.tasks);
  const [first] = tasks;
  const last = tasks.at(-1);
  if (first === undefined || last === undefined) return null;
  const limit = tasks.length > MAX_CHART_TASKS ? ` The ${MAX_CHART_TASKS} highest of ${tasks.length} are drawn.` : '';
  const kind = {
    gradient_norm: 'mean gradient norm',
    self_influence: 'mean squared gradient norm',
    gradient_norm_sum: 'mean gradient norm of the summed loss',
    gradient_norm_trimmed: 'mean gradient norm without a tenth at either end',
    gradient_norm_winsorised: 'mean gradient norm, extremes pulled to the 5 and 95\u00a0% quantiles',
    gradient_norm_median: 'median gradient norm',
  };
  const finding =
    `Task values (${kind[summary.config.values.taskValue]}) run from ${number(last.value)} in ${shorten(last.task, 40)} ` +
    `to ${number(first.value)} in ${shorten(first.task, 40)}; lines are 95\u00a0% intervals.${limit}`;
  return figure({
    finding,
    draw: (width) => drawTaskValues(tasks.slice(0, MAX_CHART_TASKS), width),
    table: dataTable(
      'Task values',
      [
        { heading: 'Task', kind: 'text', cell: ({ task }: ValuedTask) => task },
        {
          heading: 'Usable rows',
          kind: 'number',
          cell: ({ usableCount }) => count(usableCount),
          sortBy: ({ usableCount }) => usableCount,
        },
        { heading: 'Value', kind: 'number', cell: ({ value }) => number(value), sortBy: ({ value }) => value },
        {
          heading: '95\u00a0% interval',
          kind: 'number',
          cell: ({ interval }) => intervalText(interval),
          sortBy: ({ interval }) => interval?.[0] ?? null,
        },
        {
          heading: 'Answer tokens',
          title: 'Mean supervised tokens of a row',
          kind: 'number',
          cell: ({ meanSupervisedTokens }) => number(meanSupervisedTokens),
          sortBy: ({ meanSupervisedTokens }) => meanSupervisedTokens,
        },
      ],
      tasks,
    ),
  });
}

/** `2.31 – 2.52`; a dash for null. */
export function intervalText(interval: readonly [number, number] | null): string {
  return interval === null ? '–' : `${number(interval[0])} – ${number(interval[1])}`;
}
