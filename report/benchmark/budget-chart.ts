// Scores over budgets: a line for each method, with the spread over the seeds.
import * as Plot from '@observablehq/plot';
import type { BenchmarkTable } from '../../contracts/benchmark-summary.ts';
import { drawSvg, figure } from '../chart.ts';
import { dataTable } from '../data-table.ts';
import { percent, share } from '../format.ts';
import type { Html } from '../html.ts';
import { methodName } from '../method-names.ts';

/** Colours and dashes by place: no line is told by colour alone. */
const COLORS = ['var(--selected)', 'var(--before)', 'var(--good)', 'var(--bad)', 'var(--warning)', 'var(--muted)'];
const DASHES = ['none', '7 4', '2 3', '9 3 2 3', '12 5', '4 2'];

interface Point {
  name: string;
  budget: number;
  mean: number;
  color: string;
  dash: string;
}

/** Mean accuracy in per cent over the budget in per cent, on a logarithmic axis. */
export function drawBudgets(tables: readonly BenchmarkTable[], width: number): string {
  const points = pointsOf(tables);
  const names = [...new Set(points.map(({ name }) => name))];
  const budgets = [...new Set(points.map(({ budget }) => budget))];
  return drawSvg({
    width,
    height: width < 500 ? 260 : 340,
    marginLeft: 48,
    marginRight: 20,
    marginBottom: 40,
    x: {
      type: 'log',
      label: 'rows selected',
      labelAnchor: 'center',
      ticks: budgets,
      tickFormat: (value: number) => `${value} %`,
    },
    y: { label: null, grid: true, nice: true, tickFormat: (value: number) => `${value} %` },
    color: { type: 'identity' },
    marks: names.flatMap((name) => {
      const own = points.filter((point) => point.name === name);
      const { color, dash } = own[0]!;
      return [
        Plot.line(own, { x: 'budget', y: 'mean', stroke: color, strokeWidth: 2, strokeDasharray: dash }),
        Plot.dot(own, { x: 'budget', y: 'mean', fill: color, r: 4 }),
      ];
    }),
  });
}

function pointsOf(tables: readonly BenchmarkTable[]): Point[] {
  return tables.flatMap(({ budget, methods }) =>
    methods.map(({ method, accuracy }, index) => ({
      name: methodName(method),
      budget: 100 * budget!,
      mean: 100 * accuracy.mean,
      color: COLORS[index % COLORS.length]!,
      dash: DASHES[index % DASHES.length]!,
    })),
  );
}

/** The figure of one length of training over its budgets; null for a single budget. */
export function budgetFigure(tables: readonly BenchmarkTable[]): Html | null {
  if (tables.length < 2) return null;
  const methods = tables[0]!.methods.map(({ method }) => method);
  const [first, last] = [tables[0]!, tables.at(-1)!];
  const best = (table: BenchmarkTable): string =>
    methodName(table.methods.reduce((high, one) => (one.accuracy.mean > high.accuracy.mean ? one : high)).method);
  return figure({
    finding: `Mean macro accuracy over the budget; highest at ${share(first.budget!)} is ${best(first)}, at ${share(last.budget!)} ${best(last)}.`,
    draw: (width) => drawBudgets(tables, width),
    legend: methods.map((method, index) => ({
      label: methodName(method),
      color: COLORS[index % COLORS.length]!,
      mark: 'line' as const,
    })),
    table: dataTable(
      'Mean macro accuracy by budget',
      [
        { heading: 'Rows selected', kind: 'text', cell: ({ budget }: BenchmarkTable) => share(budget!) },
        ...methods.map((method) => ({
          heading: methodName(method),
          kind: 'number' as const,
          cell: (table: BenchmarkTable) =>
            percent(table.methods.find((one) => one.method === method)?.accuracy.mean ?? null),
        })),
      ],
      tables,
    ),
  });
}
