// Section of the report: how much was taken of rows that were made worse on purpose.
import type { StressKind, StressShare } from '../contracts/stress.ts';
import { dataTable } from './data-table.ts';
import { count, percent } from './format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';

/** What was done to a row, in words. */
export const STRESS_LABELS: Readonly<Record<StressKind, string>> = {
  clean: 'as it was',
  exact_copy: 'copy of another row',
  near_copy: 'near copy of another row',
  label_noise: 'answers of another row',
  irrelevant: 'of the task that is not evaluated',
  long_answer: 'answers made longer',
};

/** Shares of the dataset and of the selection by what was done to the rows; null where nothing was. */
export function stressSection(shares: readonly StressShare[] | null): Html | null {
  if (shares === null) return null;
  const total = (key: 'allCount' | 'selectedCount'): number => shares.reduce((sum, one) => sum + one[key], 0);
  const [all, selected] = [total('allCount'), total('selectedCount')];
  return html`<section id="stress" aria-labelledby="stress-title">
    <h2 id="stress-title">Made worse on purpose</h2>
    <p class="lead">The rows say by their ids what was done to them; the choice does not see it.</p>
    ${dataTable(
      'Rows by what was done to them',
      [
        { heading: 'Rows', kind: 'text', cell: ({ kind }: StressShare) => STRESS_LABELS[kind] },
        { heading: 'In the dataset', kind: 'number', cell: ({ allCount }) => count(allCount) },
        { heading: 'Share', kind: 'number', cell: ({ allCount }) => percent(allCount / Math.max(1, all)) },
        { heading: 'Chosen', kind: 'number', cell: ({ selectedCount }) => count(selectedCount) },
        {
          heading: 'Share of the chosen',
          kind: 'number',
          cell: ({ selectedCount }) => percent(selectedCount / Math.max(1, selected)),
        },
      ],
      shares,
    )}
  </section> `;
}
