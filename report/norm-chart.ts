// Chart of the gradient norms, a box a task.
import * as Plot from '@observablehq/plot';
import type { Quantiles, RunSummary, TaskNorms } from '../contracts/summary.ts';
import { MAX_CHART_TASKS, drawSvg, figure, taskLabels } from './chart.ts';
import { number, shorten } from './format.ts';
import type { Html } from './html.ts';
import { dataTable } from './data-table.ts';
import type { DataColumn } from './data-table.ts';

const LINE_HEIGHT = 26;

/** A box a task: 25 to 75 % with the median, lines from 5 to 95 %. */
export function drawNorms(tasks: readonly TaskNorms[], width: number): string {
  const { label, margin } = taskLabels(
    tasks.map(({ task }) => task),
    width,
  );
  const boxes = tasks.map(({ task, quantiles: [low, first, median, third, high] }) => ({
    task: label(task),
    low,
    first,
    median,
    third,
    high,
  }));
  const all = tasks.flatMap(({ quantiles }) => quantiles);
  const isWide = Math.max(...all) / Math.min(...all) > 20 && Math.min(...all) > 0;
  return drawSvg({
    width,
    height: tasks.length * LINE_HEIGHT + 34,
    marginLeft: margin,
    marginRight: 14,
    marginTop: 4,
    marginBottom: 30,
    x: {
      label: null,
      grid: true,
      ticks: width < 500 ? 3 : 6,
      type: isWide ? 'log' : 'linear',
      tickFormat: ',~g',
      nice: true,
    },
    y: { label: null, domain: boxes.map(({ task }) => task), tickSize: 0, padding: 0.35 },
    marks: [
      Plot.link(boxes, { x1: 'low', x2: 'high', y: 'task', stroke: 'var(--muted)', strokeWidth: 1.5 }),
      Plot.barX(boxes, { x1: 'first', x2: 'third', y: 'task', fill: 'var(--selected)', fillOpacity: 0.85 }),
      Plot.tickX(boxes, { x: 'median', y: 'task', stroke: 'var(--page)', strokeWidth: 2 }),
    ],
  });
}

/** The figure of the gradient norms, or null where no row has one. */
export function gradientNormFigure({ gradientNorms }: RunSummary): Html | null {
  const tasks = [...gradientNorms].sort((left, right) => right.quantiles[2] - left.quantiles[2]);
  const [first] = tasks;
  const last = tasks.at(-1);
  if (first === undefined || last === undefined) return null;
  const limit = tasks.length > MAX_CHART_TASKS ? ` The ${MAX_CHART_TASKS} highest of ${tasks.length} are drawn.` : '';
  const finding =
    `Gradient norms of rows: medians from ${number(last.quantiles[2])} in ${shorten(last.task, 40)} to ` +
    `${number(first.quantiles[2])} in ${shorten(first.task, 40)}; boxes hold the middle half, lines 90\u00a0%.${limit}`;
  return figure({
    finding,
    draw: (width) => drawNorms(tasks.slice(0, MAX_CHART_TASKS), width),
    table: dataTable(
      'Gradient norms',
      [
        { heading: 'Task', kind: 'text', cell: ({ task }: TaskNorms) => task },
        ...quantileColumns(({ quantiles }: TaskNorms) => quantiles),
      ],
      tasks,
    ),
  });
}

/** Columns of the five quantiles. */
export function quantileColumns<Row>(pick: (row: Row) => Quantiles): DataColumn<Row>[] {
  return ['5\u00a0%', '25\u00a0%', 'Median', '75\u00a0%', '95\u00a0%'].map((heading, place) => ({
    heading,
    kind: 'number',
    cell: (row) => number(pick(row)[place]!),
    sortBy: (row) => pick(row)[place]!,
  }));
}
