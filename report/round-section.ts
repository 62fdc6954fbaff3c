// Section of the report: the rounds of a selection, and whether more of them would do anything.
import type { RoundSummary } from '../contracts/summary.ts';
import { outcomeOf } from './checks.ts';
import { dataTable } from './data-table.ts';
import { count, percent, points, pointsInterval } from './format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';

/** Rows and scores by round; null for a selection of one round. */
export function roundSection(rounds: readonly RoundSummary[] | null): Html | null {
  if (rounds === null) return null;
  const numbered = rounds.map((round, index) => ({ ...round, name: `Round ${index + 1}` }));
  return html`<section id="rounds" aria-labelledby="rounds-title">
    <h2 id="rounds-title">Rounds</h2>
    <p class="lead">
      Each round chooses from the rows of the last one, by a model that was tuned on them. ${plateauText(rounds)} Values
      and their charts are those of the first round, which sees all rows.
    </p>
    ${dataTable(
      'Rounds of the selection',
      [
        { heading: 'Round', kind: 'text', cell: ({ name }: (typeof numbered)[number]) => name },
        { heading: 'Chosen from', kind: 'number', cell: ({ fromCount }) => count(fromCount) },
        { heading: 'Rows', kind: 'number', cell: ({ rowCount }) => count(rowCount) },
        { heading: 'Macro accuracy', kind: 'number', cell: ({ macroAccuracy }) => percent(macroAccuracy) },
        {
          heading: 'Change in points',
          kind: 'number',
          cell: ({ change }) => (change === null ? '–' : points(change.difference)),
        },
        {
          heading: '95\u00a0% interval',
          kind: 'number',
          cell: ({ change }) => (change === null || change.interval === null ? '–' : pointsInterval(change.interval)),
        },
      ],
      numbered,
    )}
  </section> `;
}

/** What the last round has done to the score. Fewer rows are tuned on in each, so that staying level is a gain. */
function plateauText(rounds: readonly RoundSummary[]): string {
  const change = rounds.at(-1)?.change ?? null;
  if (change === null) return 'No model was scored, so nothing is known of a plateau.';
  const outcome = outcomeOf(change);
  if (outcome === 'undecided')
    return 'The last round has not been shown to change the score, on fewer rows: a plateau, as far as these test rows tell.';
  return outcome === 'ahead' ? 'The last round raised the score, on fewer rows.' : 'The last round lowered the score.';
}
