// Lines over steps, drawn as SVG at the width there is.
import { number } from '../../../report/format.ts';
import { useWidth } from '../data/use-width.ts';
import { curveWords, extent, pathOf, smoothed, thinned, ticks } from '../logic/curve.ts';
import type { Series } from '../logic/curve.ts';
import { said } from './words.tsx';

const HEIGHT = 190;
const MARGIN = { left: 52, right: 12, top: 8, bottom: 26 };

/** Lines are told apart by dash too. */
export const DASHES = ['', '6 3', '2 3', '8 3 2 3', '1 4'] as const;

/** A line, and where it will end; null for one that is whole. */
export interface ChartSeries extends Series {
  endsAt: number | null;
}

interface LineChartProps {
  title: string;
  series: readonly ChartSeries[];
  /** Draws the lines faintly, and their smoothed ones over them. */
  isSmoothed?: boolean;
}

/** A chart with its own scales; one sentence a line for who does not see it. */
export function LineChart({ title, series, isSmoothed = false }: LineChartProps): preact.JSX.Element {
  const [box, measured] = useWidth<HTMLDivElement>();
  const width = Math.max(240, measured);
  const inner = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const x = extent(series.map(({ xs, endsAt }) => (endsAt === null ? xs : [...xs, endsAt])));
  const y = extent(series.map(({ ys }) => ys));
  const left = (value: number): number => MARGIN.left + ((value - x[0]) / (x[1] - x[0])) * inner.width;
  const top = (value: number): number => MARGIN.top + (1 - (value - y[0]) / (y[1] - y[0])) * inner.height;
  const lines = series.map((each) => (isSmoothed ? { ...each, ...smoothed(each) } : each));
  const place = (each: Series): { d: string; transform: string } => ({
    d: pathOf(thinned(each, 600), x, y, inner.width, inner.height),
    transform: `translate(${MARGIN.left} ${MARGIN.top})`,
  });
  return (
    <figure class="line-chart">
      <figcaption>{title}</figcaption>
      <div ref={box}>
        <svg
          width={width}
          height={HEIGHT}
          viewBox={`0 0 ${width} ${HEIGHT}`}
          role="img"
          aria-label={`${title}: ${said(curveWords(series, number))}`}
        >
          {ticks(y, 4).map((value) => (
            <g key={value}>
              <line class="grid" x1={MARGIN.left} x2={width - MARGIN.right} y1={top(value)} y2={top(value)} />
              <text x={MARGIN.left - 8} y={top(value) + 4} text-anchor="end">
                {tickText(value)}
              </text>
            </g>
          ))}
          {ticks(x, width < 500 ? 3 : 6).map((value) => (
            <text key={value} x={left(value)} y={HEIGHT - 6} text-anchor="middle">
              {tickText(value)}
            </text>
          ))}
          {isSmoothed
            ? series.map((each, index) => (
                <path key={each.name} class={`curve faint curve-${index % DASHES.length}`} {...place(each)} />
              ))
            : null}
          {lines.map((each, index) => (
            <path
              key={each.name}
              class={`curve curve-${index % DASHES.length}`}
              {...place(each)}
              stroke-dasharray={DASHES[index % DASHES.length]}
            />
          ))}
          {lines.map((each, index) =>
            each.endsAt === null || each.xs.length === 0 ? null : (
              <circle
                key={each.name}
                class={`curve-end curve-${index % DASHES.length}`}
                cx={left(each.xs.at(-1)!)}
                cy={top(each.ys.at(-1)!)}
                r="4"
              />
            ),
          )}
        </svg>
      </div>
    </figure>
  );
}

function tickText(value: number): string {
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential().replace('-', '\u2212');
  return String(value).replace('-', '\u2212');
}
