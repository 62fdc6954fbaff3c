// Losses and learning rates of the trainings so far.
import type { RunView } from '../../api.ts';
import { count, number } from '../../../report/format.ts';
import { DASHES, LineChart } from '../parts/line-chart.tsx';
import type { ChartSeries } from '../parts/line-chart.tsx';
import { SortedTable } from '../parts/sorted-table.tsx';
import { said } from '../parts/words.tsx';

type Curves = RunView['curves'];

/** A line to where it is; the chart has room for where it will go. */
function series(name: string, xs: readonly number[], ys: readonly number[], stepCount: number | null): ChartSeries {
  return { name, xs, ys, endsAt: stepCount === null ? null : stepCount - 1 };
}

/** Two charts over the same steps, and their numbers. */
export function CurvesSection({ curves }: { curves: Curves }): preact.JSX.Element | null {
  const drawn = curves.filter(({ steps }) => steps.length > 0);
  if (drawn.length === 0) return null;
  return (
    <section aria-labelledby="curves">
      <h2 id="curves">Trainings</h2>
      <p class="keys">
        {drawn.map(({ name, steps, stepCount }, index) => (
          <span class="key" key={name}>
            <svg width="26" height="8" aria-hidden="true">
              <path
                class={`curve curve-${index % DASHES.length}`}
                d="M0,4L26,4"
                stroke-dasharray={DASHES[index % DASHES.length]}
              />
            </svg>
            {said(name)}
            {stepCount === null ? '' : `, ${count(steps.at(-1)! + 1)} of ${count(stepCount)} steps`}
          </span>
        ))}
      </p>
      <div class="charts">
        <LineChart
          title="Loss by step"
          isSmoothed
          series={drawn.map(({ name, steps, losses, stepCount }) => series(name, steps, losses, stepCount))}
        />
        <LineChart
          title="Learning rate by step"
          series={drawn.map(({ name, steps, learningRates, stepCount }) =>
            series(name, steps, learningRates, stepCount),
          )}
        />
      </div>
      <details>
        <summary>Numbers</summary>
        <SortedTable
          caption="Losses of the trainings"
          lines={drawn}
          keyOf={({ name }) => name}
          columns={[
            { heading: 'Training', isName: true, cell: ({ name }) => said(name) },
            {
              heading: 'Steps',
              isNumber: true,
              cell: ({ steps, stepCount }) =>
                `${count(steps.at(-1)! + 1)}${stepCount === null ? '' : ` of ${count(stepCount)}`}`,
            },
            { heading: 'First loss', isNumber: true, cell: ({ losses }) => number(losses[0] ?? null) },
            {
              heading: 'Least',
              isNumber: true,
              cell: ({ losses }) => number(losses.reduce((least, loss) => Math.min(least, loss), Infinity)),
            },
            { heading: 'Last', isNumber: true, cell: ({ losses }) => number(losses.at(-1) ?? null) },
          ]}
        />
      </details>
    </section>
  );
}
