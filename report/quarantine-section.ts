// Section of the report: the rows that were set aside.
import type { QuarantineSummary, RunSummary } from '../contracts/summary.ts';
import { count, plural, share } from './format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { dataTable } from './data-table.ts';

/** Rows that could not be used, by reason, with the first few of each. */
export function quarantineSection({ quarantine, dataset }: RunSummary): Html {
  const total = quarantine.reduce((sum, reason) => sum + reason.count, 0);
  return html`<section id="quarantine" aria-labelledby="quarantine-title">
    <h2 id="quarantine-title">Rows set aside</h2>
    ${total === 0 ? html`<p>Every row could be used.</p>` : listed(quarantine, total, dataset.rowCount)}
  </section> `;
}

function listed(quarantine: readonly QuarantineSummary[], total: number, rowCount: number): Html {
  const examples = quarantine.flatMap(({ reason, examples: rows }) => rows.map((row) => ({ reason, ...row })));
  return html`<p>
      ${plural(total, 'row')} of ${count(rowCount)} (${share(total / rowCount)}) take no part in values and selection.
      The file <code>quarantine.jsonl</code> lists those that the dataset stage found.
    </p>
    ${dataTable(
      'By reason',
      [
        { heading: 'Reason', kind: 'text', cell: ({ reason }: QuarantineSummary) => html`<code>${reason}</code>` },
        { heading: 'Rows', kind: 'number', cell: ({ count: rows }) => count(rows), sortBy: ({ count: rows }) => rows },
        {
          heading: 'Share of all',
          kind: 'number',
          cell: ({ count: rows }) => share(rows / rowCount),
          sortBy: ({ count: rows }) => rows,
        },
      ],
      quarantine,
    )}
    ${
      examples.length === 0
        ? null
        : dataTable(
            'Examples',
            [
              {
                heading: 'Row',
                kind: 'number',
                cell: ({ rowIndex }: (typeof examples)[number]) => count(rowIndex),
                sortBy: ({ rowIndex }) => rowIndex,
              },
              { heading: 'Task', kind: 'text', cell: ({ task }) => task ?? '–' },
              { heading: 'Reason', kind: 'text', cell: ({ reason }) => html`<code>${reason}</code>` },
              { heading: 'What was found', kind: 'text', cell: ({ detail }) => detail },
            ],
            examples,
          )
    }`;
}
