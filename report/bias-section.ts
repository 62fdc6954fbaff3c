// Section of the report: lengths, losses and norms of the selected rows beside all.
import * as Plot from '@observablehq/plot';
import type { BiasSummary, RunSummary } from '../contracts/summary.ts';
import { drawSvg, figure } from './chart.ts';
import { count, number } from './format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { quantileColumns } from './norm-chart.ts';
import { dataTable } from './data-table.ts';

const SIDES = [
  { name: 'all rows', key: 'all', color: 'var(--before)' },
  { name: 'selected', key: 'selected', color: 'var(--selected)' },
] as const;

/** Two boxes: 25 to 75 %, a dot at the median, lines from 5 to 95 %. */
export function drawBias(bias: BiasSummary, width: number): string {
  const boxes = SIDES.map(({ name, key, color }) => {
    const [low, first, median, third, high] = bias[key];
    return { name, color, low, first, median, third, high };
  });
  return drawSvg({
    width,
    height: 96,
    marginLeft: 76,
    marginRight: 20,
    marginTop: 4,
    marginBottom: 30,
    x: { label: null, grid: true, zero: true, ticks: width < 500 ? 3 : 6, nice: true },
    y: { label: null, domain: boxes.map(({ name }) => name), tickSize: 0, padding: 0.35 },
    marks: [
      Plot.link(boxes, { x1: 'low', x2: 'high', y: 'name', stroke: 'color', strokeWidth: 1.5 }),
      Plot.barX(boxes, { x1: 'first', x2: 'third', y: 'name', fill: 'color' }),
      Plot.dot(boxes, { x: 'median', y: 'name', r: 5, fill: 'color', stroke: 'var(--page)', strokeWidth: 2 }),
    ],
    color: { type: 'identity' },
  });
}

/** What the selected rows have more or less of than all; null where nothing could be read. */
export function biasSection({ bias }: RunSummary): Html | null {
  if (bias.length === 0) return null;
  return html`<section id="bias" aria-labelledby="bias-title">
    <h2 id="bias-title">What the selection leans to</h2>
    <p class="lead">
      A selection by gradients may prefer long answers or certain pictures without meaning to. Boxes hold the middle
      half of the rows, lines 90 %, dots the median. Answer lengths are those of all rows, the others those of a random
      sample; the size of a picture is the edge of a square with as many pixels.
    </p>
    ${bias.map(biasFigure)}
  </section> `;
}

function biasFigure(bias: BiasSummary): Html {
  const rows = SIDES.map(({ name, key }) => ({ name, rowCount: bias[`${key}Count`], quantiles: bias[key] }));
  return figure({
    finding: findingOf(bias),
    draw: (width) => drawBias(bias, width),
    table: dataTable(
      `${capital(bias.property)} in ${bias.unit}`,
      [
        { heading: 'Rows', kind: 'text', cell: ({ name }: (typeof rows)[number]) => name },
        { heading: 'Number', kind: 'number', cell: ({ rowCount }) => count(rowCount) },
        ...quantileColumns(({ quantiles }: (typeof rows)[number]) => quantiles),
      ],
      rows,
    ),
  });
}

function findingOf({ property, unit, all, selected }: BiasSummary): string {
  const [before, after] = [all[2], selected[2]];
  const medians = `the selected rows have a median of ${short(after)} ${unit}, all rows ${short(before)}`;
  const leaning =
    after === before
      ? 'is as among all rows'
      : after > before
        ? 'is higher among the selected rows'
        : 'is lower among the selected rows';
  return `${NOUNS[property]} ${leaning}: ${medians}.`;
}

const NOUNS: Readonly<Record<BiasSummary['property'], string>> = {
  'answer length': 'The answer length',
  turns: 'The number of turns',
  'picture edge': 'The size of pictures',
};

/** Whole numbers without decimals. */
function short(value: number): string {
  return Number.isInteger(value) ? count(value) : number(value);
}

function capital(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}`;
}
