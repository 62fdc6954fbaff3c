// The linear datamodelling score on a benchmark's page: what it is, over all test rows and by task, and what it shows.
import type { LdsResult, LdsScore } from '../../contracts/messages/benchmark.ts';
import { dataTable } from '../data-table.ts';
import { count, number, plural } from '../format.ts';
import { html } from '../html.ts';
import type { Html } from '../html.ts';

/** Below so many subsets the interval is itself hardly known. */
const FEW_SUBSETS = 50;

/** The score with its interval, and what may be said of it: no more than the interval allows. */
export function ldsSentences(lds: LdsResult): [score: string, shown: string] {
  const { score, subsetCount, rowCount, constantCount, unmatchedCount } = lds;
  const leftOut = constantCount + unmatchedCount;
  const over = `${count(subsetCount)} random halves of the rows and ${plural(rowCount, 'test row')}`;
  const without = leftOut === 0 ? '' : `, ${count(leftOut)} left out`;
  const few = subsetCount < FEW_SUBSETS ? ` Fewer than ${FEW_SUBSETS} halves leave the interval itself uncertain.` : '';
  return [
    `Linear datamodelling score of gradient cosines: ${scoreText(score)}${intervalText(lds)}, over ${over}${without}.`,
    `${shown(lds)} Gradient cosine is a weak attributor; this claims nothing about selection.${few}`,
  ];
}

function shown({ score, interval }: LdsScore): string {
  if (score === null) return 'No test row orders the halves, so this shows nothing.';
  if (interval === null) return 'So few halves do not show whether those that the cosines favour give smaller losses.';
  const [low, high] = interval;
  if (low > 0) return 'The interval lies above 0: halves that the cosines favour tend to give smaller losses.';
  if (high < 0) return 'The interval lies below 0: halves that the cosines favour tend to give larger losses.';
  return 'The interval holds 0: it is not shown that halves which the cosines favour give smaller losses.';
}

function scoreText(score: number | null): string {
  return number(score);
}

function intervalText({ interval }: LdsScore): string {
  return interval === null ? '' : ` (95\u00a0% ${number(interval[0])} to ${number(interval[1])})`;
}

/** Null where no score was asked for. */
export function ldsSection(lds: LdsResult | undefined): Html | null {
  if (lds === undefined) return null;
  const [first, second] = ldsSentences(lds);
  const lines: ({ task: string } & LdsScore)[] = [{ ...lds, task: 'all test rows' }, ...lds.tasks];
  return html`<section id="lds" aria-labelledby="lds-title">
    <h2 id="lds-title">Linear datamodelling score</h2>
    <p class="lead">
      Models were tuned on random halves of the rows. For each test row, the half whose gradients are nearer to the test
      row’s should give the smaller loss: the score is the rank correlation of the two over the halves, from −1 to 1, as
      a mean over the test rows. The interval is a bootstrap over the halves.
    </p>
    <p>${first}</p>
    <p>${second}</p>
    ${dataTable(
      'Score by task',
      [
        { heading: 'Task', kind: 'text', cell: ({ task }) => task },
        { heading: 'Score', kind: 'number', cell: ({ score }) => scoreText(score), sortBy: ({ score }) => score },
        {
          heading: '95 % interval',
          kind: 'number',
          cell: ({ interval }) => (interval === null ? '–' : `${number(interval[0])} to ${number(interval[1])}`),
          sortBy: ({ interval }) => interval?.[0] ?? null,
        },
        { heading: 'Test rows', kind: 'number', cell: ({ rowCount }) => count(rowCount) },
        {
          heading: 'Constant',
          title: 'rows whose predictions or losses are the same for all halves: left out',
          kind: 'number',
          cell: ({ constantCount }) => count(constantCount),
        },
      ],
      lines,
    )}
    ${
      lds.unmatchedCount === 0
        ? null
        : html`<p>${plural(lds.unmatchedCount, 'test row')} without a gradient or a loss: left out.</p>`
    }
  </section> `;
}
