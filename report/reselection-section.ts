// Section of the report: what has changed since the last run of the name.
import type { ChangeReason, SelectionChange } from '../contracts/messages/incremental.ts';
import type { RunSummary } from '../contracts/summary.ts';
import { count, plural, share } from './format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { dataTable } from './data-table.ts';

const REASONS: Readonly<Record<ChangeReason, string>> = {
  new_row: 'new in the dataset',
  removed_row: 'no longer in the dataset',
  quarantined_row: 'can no longer be used',
  quota_changed: 'its task has another quota now',
  redrawn: 'values of its task have changed',
};

/** What an incremental run has kept of the last one, and what entered and left the selection; null for other runs. */
export function reselectionSection({ reselection }: RunSummary): Html | null {
  if (reselection === null) return null;
  const { newRowCount, removedRowCount, referenceModel, reason, change } = reselection;
  const kept = referenceModel === 'kept' ? 'The reference model was kept' : 'The reference model was tuned again';
  return html`<section id="reselection" aria-labelledby="reselection-title">
    <h2 id="reselection-title">Since the last run</h2>
    <p>
      ${kept}: ${reason}. ${plural(newRowCount, 'row')} needed a gradient, ${plural(removedRowCount, 'row')} of the last
      run ${removedRowCount === 1 ? 'is' : 'are'} gone.
    </p>
    ${change === null ? null : changes(change)}
  </section> `;
}

interface Line {
  change: string;
  reason: ChangeReason;
  count: number;
}

function changes({ enteredCount, leftCount, stayedCount, jaccard, entered, left }: SelectionChange): Html {
  const lines: Line[] = [
    ...entered.map((line) => ({ change: 'entered', ...line })),
    ...left.map((line) => ({ change: 'left', ...line })),
  ];
  return html`<p>
      ${count(stayedCount)} selected rows stayed, ${count(enteredCount)} entered and ${count(leftCount)} left: the two
      selections share ${share(jaccard)} of their rows.
    </p>
    ${
      lines.length === 0
        ? null
        : dataTable(
            'What changed, and why',
            [
              { heading: 'Change', kind: 'text', cell: ({ change }: Line) => change },
              { heading: 'Why', kind: 'text', cell: ({ reason }) => REASONS[reason] },
              { heading: 'Rows', kind: 'number', cell: (line) => count(line.count), sortBy: (line) => line.count },
            ],
            lines,
          )
    }`;
}
