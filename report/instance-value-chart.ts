// Charts of the instance values: their distributions, and the effective sample size against λ.
import * as Plot from '@observablehq/plot';
import { readsSetting } from '../contracts/methods.ts';
import type { InstanceValueSummary, RunSummary, TaskDistribution } from '../contracts/summary.ts';
import { MAX_CHART_TASKS, drawSvg, figure, taskLabels } from './chart.ts';
import { count, number, percent, shorten } from './format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { dataTable } from './data-table.ts';

const LINE_HEIGHT = 40;

/** Effective share of every task above which the instance values hardly act. */
const NEARLY_UNIFORM = 0.97;

const KIND_NAMES: Readonly<Record<InstanceValueSummary['kind'], string>> = {
  mean_of_cosines: 'mean cosine to the rows of its task',
  cosine_to_mean: 'cosine to the mean gradient of its task',
};

/**
 * One task a line: the distribution over bins of all rows (filled) and of the selected ones (outline), each its own
 * share.
 */
export function drawDistributions(
  { edges }: InstanceValueSummary,
  tasks: readonly TaskDistribution[],
  width: number,
): string {
  const { label, margin } = taskLabels(
    tasks.map(({ task }) => task),
    width,
  );
  const all = tasks.flatMap((task) => steps(task.allCounts, edges, label(task.task), peak(task)));
  const selected = tasks.flatMap((task) => steps(task.selectedCounts, edges, label(task.task), peak(task)));
  return drawSvg({
    width,
    height: tasks.length * LINE_HEIGHT + 34,
    marginLeft: margin,
    marginRight: 14,
    marginTop: 4,
    marginBottom: 30,
    x: { label: null, domain: [edges[0]!, edges.at(-1)!], ticks: width < 500 ? 4 : 8, grid: true },
    y: { axis: null, domain: [0, 1.04] },
    fy: { label: null, domain: tasks.map(({ task }) => label(task)), axis: 'left', padding: 0.12 },
    marks: [
      Plot.areaY(all, { x: 'x', y1: 0, y2: 'share', fy: 'task', fill: 'var(--before)', fillOpacity: 0.45 }),
      Plot.lineY(selected, { x: 'x', y: 'share', fy: 'task', stroke: 'var(--selected)', strokeWidth: 1.75 }),
      Plot.ruleY([0], { stroke: 'var(--muted)', strokeOpacity: 0.6 }),
    ],
  });
}

/** Corner points of a histogram's outline; each bin's share of its own total, as a fraction of the line's peak. */
function steps(
  counts: readonly number[],
  edges: readonly number[],
  task: string,
  highest: number,
): { x: number; share: number; task: string }[] {
  const total = counts.reduce((sum, value) => sum + value, 0);
  if (total === 0) return [];
  const corners = counts.flatMap((value, bin) => {
    const height = value / total / highest;
    return [
      { x: edges[bin]!, share: height, task },
      { x: edges[bin + 1]!, share: height, task },
    ];
  });
  return [{ x: edges[0]!, share: 0, task }, ...corners, { x: edges.at(-1)!, share: 0, task }];
}

function peak({ allCounts, selectedCounts }: TaskDistribution): number {
  const highest = (counts: readonly number[]): number =>
    Math.max(...counts) /
    Math.max(
      1,
      counts.reduce((sum, value) => sum + value, 0),
    );
  return Math.max(highest(allCounts), highest(selectedCounts)) || 1;
}

/** The figure of the instance values, or null where no row has one. */
export function instanceValueFigure(summary: RunSummary): Html | null {
  const { instanceValues } = summary;
  const { kind, edges } = instanceValues;
  const tasks = instanceValues.tasks.filter(({ allCounts }) => allCounts.some((value) => value > 0));
  if (tasks.length === 0) return null;
  const limit =
    tasks.length > MAX_CHART_TASKS ? ` The first ${MAX_CHART_TASKS} of ${tasks.length} tasks are drawn.` : '';
  const bins = edges.slice(0, -1).map((edge, bin) => ({ edge, bin }));
  const cell = (pick: (task: TaskDistribution) => readonly number[]) =>
    tasks.slice(0, MAX_CHART_TASKS).map((task) => ({
      heading: shorten(task.task, 24),
      kind: 'number' as const,
      cell: ({ bin }: { bin: number }) => count(pick(task)[bin]!),
    }));
  const first = { heading: 'From', kind: 'number' as const, cell: ({ edge }: { edge: number }) => number(edge) };
  return figure({
    finding: `${distributionFinding(tasks, edges, kind)}${limit}`,
    draw: (width) => drawDistributions(instanceValues, tasks.slice(0, MAX_CHART_TASKS), width),
    legend: [
      { label: 'all rows of the task', color: 'var(--before)', mark: 'bar' },
      { label: 'selected rows', color: 'var(--selected)', mark: 'line' },
    ],
    table: html`${dataTable('All rows by instance value', [first, ...cell(({ allCounts }) => allCounts)], bins)}${dataTable('Selected rows by instance value', [first, ...cell(({ selectedCounts }) => selectedCounts)], bins)}`,
  });
}

/** In how many tasks the mean of the selected rows lies above that of all rows, by bin centres. */
function distributionFinding(
  tasks: readonly TaskDistribution[],
  edges: readonly number[],
  kind: InstanceValueSummary['kind'],
): string {
  const drawn = tasks.filter(({ selectedCounts }) => selectedCounts.some((value) => value > 0));
  const higher = drawn.filter(
    ({ allCounts, selectedCounts }) => binnedMean(selectedCounts, edges) > binnedMean(allCounts, edges),
  ).length;
  const intro = `Instance values (${KIND_NAMES[kind]}) of all and of selected rows, each as a share of its own number`;
  return `${intro}; the mean of the selected rows is higher in ${higher} of ${drawn.length} tasks.`;
}

function binnedMean(counts: readonly number[], edges: readonly number[]): number {
  const total = counts.reduce((sum, value) => sum + value, 0);
  return counts.reduce((sum, value, bin) => sum + (value * (edges[bin]! + edges[bin + 1]!)) / 2, 0) / total;
}

/** Effective sample size against λ, a line a task, the run's λ marked. */
export function drawEffectiveShares({ lambdas, tasks }: InstanceValueSummary, lambda: number, width: number): string {
  const points = tasks.flatMap(({ task, effectiveShares }) =>
    effectiveShares.map((value, index) => ({ task, lambda: lambdas[index]!, value })),
  );
  const inRange = lambda >= lambdas[0]! && lambda <= lambdas.at(-1)!;
  return drawSvg({
    width,
    height: 240,
    marginLeft: 48,
    marginRight: 20,
    marginTop: 22,
    marginBottom: 40,
    x: {
      type: 'log',
      label: 'lambda',
      labelArrow: 'none',
      labelAnchor: 'center',
      tickFormat: (value: number) => String(value),
      ticks: lambdas,
    },
    y: {
      label: null,
      domain: [0, 100],
      percent: true,
      grid: true,
      tickFormat: (value: number) => `${value} %`,
      ticks: 5,
    },
    marks: [
      Plot.lineY(points, {
        x: 'lambda',
        y: 'value',
        z: 'task',
        stroke: 'var(--selected)',
        strokeWidth: 1.25,
        strokeOpacity: 0.8,
      }),
      ...(inRange
        ? [
            Plot.ruleX([lambda], { stroke: 'var(--before)', strokeWidth: 1.5 }),
            Plot.text([lambda], {
              x: (value: number) => value,
              frameAnchor: 'top',
              dy: -14,
              text: () => `lambda ${lambda}`,
              fill: 'var(--before)',
              fontWeight: 600,
            }),
          ]
        : []),
    ],
  });
}

/** What an instance value is, and what lambda makes of it in this run. */
export function instanceValueText({ selection, config, tasks }: RunSummary): string {
  const kind = KIND_NAMES[config.values.instanceValue];
  const about = `A row’s instance value is its ${kind}: high where its gradient points where most of the task’s do.`;
  if (!readsSetting(selection.method, 'lambda')) return `${about} This run’s method does not read them.`;
  const shares = tasks.flatMap(({ effectiveShare }) => (effectiveShare === null ? [] : [effectiveShare]));
  const { lambda, essTarget = null } = config.selection;
  const sharpness =
    essTarget === null ? `lambda ${lambda}` : `a lambda for each task that gives a share of ${essTarget}`;
  const drawn = `${about} Inside a task a row is drawn with a probability proportional to exp(lambda · value)`;
  const explained =
    'The effective share is the number of equally likely rows that would be as uneven a draw, over the rows of the task (effective sample size, ESS)';
  if (shares.length === 0) return `${drawn}, here with ${sharpness}. ${explained}.`;
  const least = Math.min(...shares);
  const near =
    least < NEARLY_UNIFORM ? '' : ', so the choice inside a task is close to an even one and the quotas decide';
  return `${drawn}, here with ${sharpness}, and the effective share is at least ${percent(least)} of every task${near}. ${explained}.`;
}

/** The figure of the effective sample sizes, or null where no row has a value. */
export function effectiveShareFigure({ instanceValues, config, tasks: summaries }: RunSummary): Html | null {
  const { lambdas, tasks } = instanceValues;
  if (tasks.length === 0) return null;
  const shares = summaries.flatMap(({ effectiveShare, task }) =>
    effectiveShare === null ? [] : [{ task, effectiveShare }],
  );
  const least = shares.reduce((low, share) => (share.effectiveShare < low.effectiveShare ? share : low), shares[0]!);
  const finding =
    shares.length === 0
      ? 'Effective share that each task would have at a lambda; this method does not use it.'
      : `In this run the effective share is ${percent(least.effectiveShare)} of the rows or more, least in ${shorten(least.task, 40)}; each line is a task.`;
  const rows = lambdas.map((lambda, index) => ({ lambda, index }));
  return figure({
    finding,
    draw: (width) => drawEffectiveShares(instanceValues, config.selection.lambda, width),
    table: dataTable(
      'Effective share (effective sample size over rows), by lambda',
      [
        { heading: 'Lambda', kind: 'number', cell: ({ lambda }: { lambda: number; index: number }) => String(lambda) },
        ...tasks.slice(0, MAX_CHART_TASKS).map(({ task, effectiveShares }) => ({
          heading: shorten(task, 24),
          kind: 'number' as const,
          cell: ({ index }: { index: number }) => percent(effectiveShares[index]!),
        })),
      ],
      rows,
    ),
  });
}
