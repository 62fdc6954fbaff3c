// The forest plot of a benchmark: each method's difference to the baseline with its interval.
import * as Plot from '@observablehq/plot';
import type { BenchmarkTable, MethodScores, ScoreSpread } from '../../contracts/benchmark-summary.ts';
import type { SelectionMethod } from '../../contracts/config.ts';
import { dataTable } from '../data-table.ts';
import type { DataColumn } from '../data-table.ts';
import { drawSvg, figure } from '../chart.ts';
import { count, percent, points, pointsInterval } from '../format.ts';
import { html } from '../html.ts';
import type { Html } from '../html.ts';
import { methodName } from '../method-names.ts';
import { outcomeOfDifference, pText } from './benchmark-verdict.ts';
import type { DifferenceOutcome } from './benchmark-verdict.ts';

const LINE_HEIGHT = 30;

const COLORS: Readonly<Record<DifferenceOutcome, string>> = {
  ahead: 'var(--good)',
  behind: 'var(--bad)',
  undecided: 'var(--muted)',
  not_measured: 'var(--muted)',
};

/** One line a method, in the order of the differences; 0 is the baseline. */
export function drawForest(methods: readonly MethodScores[], width: number): string {
  const lines = methods
    .filter(({ difference }) => difference !== null)
    .map(({ method, difference }) => ({
      name: methodName(method),
      mean: 100 * difference!.mean,
      low: 100 * (difference!.interval?.[0] ?? difference!.mean),
      high: 100 * (difference!.interval?.[1] ?? difference!.mean),
      color: COLORS[outcomeOfDifference(difference)],
    }))
    .sort((left, right) => right.mean - left.mean);
  const margin = width < 500 ? 104 : 210;
  return drawSvg({
    width,
    height: lines.length * LINE_HEIGHT + 44,
    marginLeft: margin,
    marginRight: 30,
    marginTop: 4,
    marginBottom: 36,
    x: {
      label: 'points against the baseline',
      labelAnchor: 'center',
      grid: true,
      nice: true,
      ticks: width < 500 ? 4 : 8,
    },
    y: { label: null, domain: lines.map(({ name }) => name), tickSize: 0, axis: null },
    color: { type: 'identity' },
    marks: [
      Plot.ruleX([0], { stroke: 'var(--before)', strokeWidth: 1.5 }),
      Plot.axisY({ tickSize: 0, label: null, lineWidth: width < 500 ? 8 : 22 }),
      Plot.link(lines, { x1: 'low', x2: 'high', y: 'name', stroke: 'color', strokeWidth: 2 }),
      Plot.tickX(lines, { x: 'low', y: 'name', stroke: 'color', inset: 8 }),
      Plot.tickX(lines, { x: 'high', y: 'name', stroke: 'color', inset: 8 }),
      Plot.dot(lines, { x: 'mean', y: 'name', fill: 'color', r: 4.5 }),
    ],
  });
}

/** The figure of one budget, with all numbers of its comparisons; null where there is nothing to compare. */
export function forestFigure(table: BenchmarkTable, baseline: SelectionMethod | null): Html | null {
  const compared = table.methods.filter(({ difference }) => difference !== null);
  if (baseline === null || compared.length === 0) return null;
  return figure({
    finding: forestFinding(compared, baseline),
    draw: (width) => drawForest(compared, width),
    table: differenceTable(compared),
  });
}

function forestFinding(compared: readonly MethodScores[], baseline: SelectionMethod): string {
  const counted = (outcome: DifferenceOutcome): number =>
    compared.filter(({ difference }) => outcomeOfDifference(difference) === outcome).length;
  const base = `Difference to the ${methodName(baseline)}, paired by seed, with 95\u00a0% intervals`;
  if (counted('not_measured') === compared.length)
    return `${base.replace(', with 95\u00a0% intervals', '')}; one seed gives no interval.`;
  return `${base}: ${counted('ahead')} of ${compared.length} shown to be better, ${counted('behind')} worse.`;
}

function differenceTable(compared: readonly MethodScores[]): Html {
  const range = (interval: [number, number] | null): string => (interval === null ? '–' : pointsInterval(interval));
  const chance = (value: number | null): string => (value === null ? '–' : pText(value));
  return dataTable(
    'Differences in points, method minus baseline',
    [
      { heading: 'Method', kind: 'text', cell: ({ method }: MethodScores) => methodName(method) },
      {
        heading: 'Difference',
        kind: 'number',
        cell: ({ difference }) => points(difference!.mean),
        sortBy: ({ difference }) => difference!.mean,
      },
      {
        heading: '95\u00a0% t',
        title: 'paired t-interval',
        kind: 'number',
        cell: ({ difference }) => range(difference!.interval),
      },
      {
        heading: '95\u00a0% bootstrap',
        title: 'percentiles over resampled seeds',
        kind: 'number',
        cell: ({ difference }) => range(difference!.bootstrap),
      },
      { heading: 'p', title: 'paired t-test', kind: 'number', cell: ({ difference }) => chance(difference!.pValue) },
      {
        heading: 'p adjusted',
        title: 'by Holm over the methods of this table',
        kind: 'number',
        cell: ({ difference }) => chance(difference!.adjustedP),
        sortBy: ({ difference }) => difference!.adjustedP,
      },
      {
        heading: 'p Wilcoxon',
        title: 'signed-rank test',
        kind: 'number',
        cell: ({ difference }) => chance(difference!.signedRankP),
      },
      {
        heading: 'Seeds won',
        kind: 'number',
        cell: ({ difference, accuracy }) => `${count(difference!.winCount)} of ${accuracy.scores.length}`,
      },
    ],
    compared,
  );
}

/** Where answers were generated: not the primary metric, so nothing is tested or adjusted. */
const GENERATED_COLUMNS: readonly DataColumn<MethodScores>[] = [
  {
    heading: 'Generated accuracy',
    title: 'of answers in free text, over the tasks with short ones: mean and sd over seeds',
    kind: 'number',
    cell: ({ generated }) =>
      generated === undefined ? '–' : `${percent(generated.accuracy.mean)}${deviationText(generated.accuracy)}`,
    sortBy: ({ generated }) => generated?.accuracy.mean ?? null,
  },
  {
    heading: 'Generated, difference',
    title: 'to the baseline in points, with its paired 95 % t-interval',
    kind: 'number',
    cell: ({ generated }) => {
      const difference = generated?.difference ?? null;
      if (difference === null) return '–';
      return `${points(difference.mean)}${difference.interval === null ? '' : ` (${pointsInterval(difference.interval)})`}`;
    },
    sortBy: ({ generated }) => generated?.difference?.mean ?? null,
  },
];

function deviationText({ deviation }: ScoreSpread): string {
  return deviation === null ? '' : ` ± ${(100 * deviation).toFixed(1)}`;
}

/** Scores of all methods of one budget, and the single ones behind them. */
export function scoreTable({ methods }: BenchmarkTable, seeds: readonly number[]): Html {
  const table = dataTable(
    'Macro accuracy over the seeds',
    [
      { heading: 'Method', kind: 'text', cell: ({ method }: MethodScores) => methodName(method) },
      {
        heading: 'Mean',
        kind: 'number',
        cell: ({ accuracy }) => percent(accuracy.mean),
        sortBy: ({ accuracy }) => accuracy.mean,
      },
      {
        heading: 'sd',
        title: 'sample standard deviation over seeds, in points',
        kind: 'number',
        cell: ({ accuracy: { deviation } }) => (deviation === null ? '–' : (100 * deviation).toFixed(1)),
        sortBy: ({ accuracy }) => accuracy.deviation,
      },
      ...(methods.some(({ relative }) => relative !== null)
        ? [
            {
              heading: 'Relative',
              title: 'mean over tasks of accuracy over that of the model tuned on all rows',
              kind: 'number' as const,
              cell: ({ relative }: MethodScores) => percent(relative?.mean ?? null),
            },
          ]
        : []),
      ...(methods.some(({ generated }) => generated !== undefined) ? GENERATED_COLUMNS : []),
      { heading: 'Rows', kind: 'number', cell: ({ rowCount }) => count(rowCount) },
      { heading: 'Steps', kind: 'number', cell: ({ stepCount }) => count(stepCount) },
      {
        heading: 'ESS/n',
        title: 'smallest effective share of a task; – where rows are not weighted',
        kind: 'number',
        cell: ({ effectiveShare }) => (effectiveShare === null ? '–' : effectiveShare.toFixed(2)),
      },
    ],
    byAccuracy(methods),
  );
  return html`${table}
    <details>
      <summary>By seed</summary>
      ${seedTable(methods, seeds)}
    </details> `;
}

function byAccuracy(methods: readonly MethodScores[]): MethodScores[] {
  return methods.toSorted((left, right) => right.accuracy.mean - left.accuracy.mean);
}

function seedTable(methods: readonly MethodScores[], seeds: readonly number[]): Html {
  return dataTable(
    'Macro accuracy by seed',
    [
      { heading: 'Method', kind: 'text', cell: ({ method }: MethodScores) => methodName(method) },
      ...seeds.map((seed, index) => ({
        heading: String(seed),
        kind: 'number' as const,
        cell: ({ accuracy }: MethodScores) => percent(accuracy.scores[index]!),
        sortBy: ({ accuracy }: MethodScores) => accuracy.scores[index]!,
      })),
    ],
    byAccuracy(methods),
  );
}
