// Section of the report: directions of gradients, task by task and as a map.
import * as Plot from '@observablehq/plot';
import type { GradientSpace, RunSummary } from '../contracts/summary.ts';
import { drawSvg, figure, taskLabels } from './chart.ts';
import { number, percent, share, shorten } from './format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { dataTable } from './data-table.ts';

type Space = NonNullable<RunSummary['space']>;

const CELL = 26;

/** Of the darkest square: numbers on it keep a contrast of 4.5 in both schemes. */
export const MOST_OPACITY = 0.5;

/** From this cosine on, a row says about the same as another one. */
const NEAR_DUPLICATE = 0.95;

/** Tasks that are told apart on the map; the others are one group. */
const MAPPED_TASKS = 6;

/** How alike the gradients of tasks and rows are; null for values that hold no map. */
export function spaceSection({ space }: RunSummary): Html | null {
  if (space === null || space.points.length < 2) return null;
  return html`<section id="directions" aria-labelledby="directions-title">
    <h2 id="directions-title">Directions of the gradients</h2>
    <p class="lead">${nearDuplicates(space)}</p>
    ${space.tasks.length < 2 ? null : taskFigure(space)}${mapFigure(space)}
  </section> `;
}

/** Said of the sample alone: in the whole dataset a row has more neighbours. */
export function nearDuplicates({ points }: GradientSpace): string {
  const close = points.filter(({ nearestCosine }) => nearestCosine >= NEAR_DUPLICATE).length;
  return (
    `${share(close / points.length)} of a random sample of ${points.length} rows have a near duplicate in it: another row of ` +
    `their task whose gradient points the same way (cosine ${NEAR_DUPLICATE} or more). Among all rows it is at least as many.`
  );
}

/** A square a pair of tasks, darker the more alike. */
export function drawTaskCosines({ tasks, taskCosines }: GradientSpace, width: number): string {
  const { label, margin } = taskLabels(tasks, width);
  const cells = tasks.flatMap((row, y) =>
    tasks.map((column, x) => ({ row: label(row), column: label(column), cosine: taskCosines[y]![x]! })),
  );
  const cell = Math.min(CELL * 1.6, (width - margin - 14) / tasks.length);
  return drawSvg({
    width,
    height: Math.round(cell * tasks.length + margin + 8),
    marginLeft: margin,
    marginRight: Math.max(14, Math.round(width - margin - cell * tasks.length)),
    marginTop: 4,
    marginBottom: margin + 4,
    padding: 0.04,
    x: { label: null, domain: tasks.map(label), tickSize: 0, tickRotate: -60 },
    y: { label: null, domain: tasks.map(label), tickSize: 0 },
    marks: [
      Plot.cell(cells, {
        x: 'column',
        y: 'row',
        fill: (one: { cosine: number }) => (one.cosine < 0 ? 'var(--before)' : 'var(--selected)'),
        fillOpacity: (one: { cosine: number }) => Math.max(0.03, MOST_OPACITY * Math.abs(one.cosine)),
      }),
      ...(cell < 30
        ? []
        : [
            Plot.text(cells, {
              x: 'column',
              y: 'row',
              text: (one: { cosine: number }) => shortCosine(one.cosine),
              fill: 'var(--text)',
              fontSize: 11,
            }),
          ]),
    ],
    color: { type: 'identity' },
    opacity: { type: 'identity' },
  });
}

/** `.4`, `−.1`, `1`, `0`. */
function shortCosine(cosine: number): string {
  const tenths = Math.round(10 * cosine);
  if (tenths === 0 || Math.abs(tenths) === 10) return String(tenths / 10).replace('-', '−');
  return `${tenths < 0 ? '−' : ''}.${Math.abs(tenths)}`;
}

function taskFigure(space: Space): Html {
  const { tasks, taskCosines } = space;
  const pairs = tasks.flatMap((left, row) =>
    tasks.slice(row + 1).map((right, place) => ({ left, right, cosine: taskCosines[row]![row + 1 + place]! })),
  );
  const sorted = [...pairs].sort((one, other) => other.cosine - one.cosine);
  const [most, least] = [sorted[0]!, sorted.at(-1)!];
  const pairText = ({ left, right, cosine }: (typeof pairs)[number]): string =>
    `${shorten(left, 30)} and ${shorten(right, 30)} (${number(cosine)})`;
  return figure({
    finding: `Mean gradients of tasks: most alike are ${pairText(most)}, least ${pairText(least)}; what alike tasks teach overlaps, below 0 they pull apart.`,
    draw: (width) => drawTaskCosines(space, width),
    legend: [
      { label: 'cosine above 0', color: 'var(--selected)', mark: 'bar' },
      { label: 'below 0', color: 'var(--before)', mark: 'bar' },
    ],
    table: dataTable(
      'Cosines of tasks',
      [
        { heading: 'Task', kind: 'text', cell: ({ left }: (typeof pairs)[number]) => left },
        { heading: 'Other task', kind: 'text', cell: ({ right }) => right },
        { heading: 'Cosine', kind: 'number', cell: ({ cosine }) => number(cosine), sortBy: ({ cosine }) => cosine },
      ],
      sorted.slice(0, 200),
    ),
  });
}

const SYMBOLS = ['circle', 'square', 'triangle', 'diamond', 'cross', 'star'] as const;
const SIGNS: Record<(typeof SYMBOLS)[number], string> = {
  circle: '●',
  square: '■',
  triangle: '▲',
  diamond: '◆',
  cross: '✚',
  star: '★',
};

/** Sampled rows in the plane in which they differ most; those that were selected on top. */
export function drawMap({ points, selectedRows }: Space, tasks: readonly string[], width: number): string {
  const chosen = new Set(selectedRows);
  const symbolOf = (task: string): string => SYMBOLS[tasks.indexOf(task)] ?? 'asterisk';
  const marks = points.map(({ rowIndex, task, x, y }) => ({
    x,
    y,
    symbol: symbolOf(task),
    isSelected: chosen.has(rowIndex),
  }));
  const dots = (isSelected: boolean, color: string) =>
    Plot.dot(
      marks.filter((mark) => mark.isSelected === isSelected),
      {
        x: 'x',
        y: 'y',
        symbol: 'symbol',
        r: 3,
        stroke: color,
        fill: isSelected ? color : 'none',
        strokeOpacity: isSelected ? 1 : 0.6,
        strokeWidth: 1.2,
      },
    );
  return drawSvg({
    width,
    height: Math.round(Math.min(520, width * 0.75)),
    margin: 12,
    x: { axis: null },
    y: { axis: null },
    symbol: { type: 'identity' } as never,
    marks: [dots(false, 'var(--before)'), dots(true, 'var(--selected)')],
  });
}

function mapFigure(space: Space): Html {
  const counts = new Map<string, number>();
  for (const { task } of space.points) counts.set(task, (counts.get(task) ?? 0) + 1);
  const tasks = [...counts]
    .sort(([left, a], [right, b]) => b - a || (left < right ? -1 : 1))
    .slice(0, MAPPED_TASKS)
    .map(([task]) => task);
  const rest =
    counts.size > tasks.length ? [{ label: 'other tasks', color: 'var(--text)', mark: { symbol: '✳' } }] : [];
  const both = space.explained[0] + space.explained[1];
  const chosen = new Set(space.selectedRows);
  return figure({
    finding:
      `Map of ${space.points.length} rows by the directions of their gradients, ${space.selectedRows.length} of them selected; ` +
      `its two axes hold ${percent(both)} of the differences.`,
    draw: (width) => drawMap(space, tasks, width),
    legend: [
      { label: 'selected', color: 'var(--selected)', mark: 'bar' },
      { label: 'not selected', color: 'var(--before)', mark: 'bar' },
      ...tasks.map((task, place) => ({
        label: shorten(task, 24),
        color: 'var(--text)',
        mark: { symbol: SIGNS[SYMBOLS[place]!] },
      })),
      ...rest,
    ],
    table: dataTable(
      'Rows of the map',
      [
        {
          heading: 'Row',
          kind: 'number',
          cell: ({ rowIndex }: Space['points'][number]) => String(rowIndex),
          sortBy: ({ rowIndex }) => rowIndex,
        },
        { heading: 'Task', kind: 'text', cell: ({ task }) => task },
        { heading: 'First axis', kind: 'number', cell: ({ x }) => number(x), sortBy: ({ x }) => x },
        { heading: 'Second axis', kind: 'number', cell: ({ y }) => number(y), sortBy: ({ y }) => y },
        {
          heading: 'Nearest',
          title: 'Cosine of the nearest row of its task',
          kind: 'number',
          cell: ({ nearestCosine }) => number(nearestCosine),
          sortBy: ({ nearestCosine }) => nearestCosine,
        },
        { heading: 'Selected', kind: 'text', cell: ({ rowIndex }) => (chosen.has(rowIndex) ? 'yes' : 'no') },
      ],
      space.points,
    ),
  });
}
