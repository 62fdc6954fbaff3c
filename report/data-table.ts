// Tables of the report, sortable by column.
import { html } from './html.ts';
import type { Html } from './html.ts';

/** One column of a table: how its cells look, and what they are sorted by. */
export interface DataColumn<Row> {
  heading: string;
  /** Longer name of the column, shown on hover. */
  title?: string;
  /** Numbers are right-aligned, but in the first column. */
  kind: 'text' | 'number';
  cell: (row: Row) => string | Html;
  /** Key to sort by where the cell's text does not do; null sorts last. */
  sortBy?: (row: Row) => number | null;
}

/** A table with row headers in its first column and, above three rows, columns that sort by keyboard or pointer. */
export function dataTable<Row>(
  caption: string,
  columns: readonly DataColumn<Row>[],
  rows: readonly Row[],
  footer?: readonly string[],
): Html {
  const sortable = rows.length > 3;
  const heads = columns.map(({ heading, title, kind }, index) => {
    const label = title === undefined ? html`${heading}` : html`<abbr title="${title}">${heading}</abbr>`;
    return html`<th scope="col" class="${index === 0 ? 'text' : kind}">${label}</th>`;
  });
  const lines = rows.map(
    (row) =>
      html`<tr>
        ${columns.map((column, index) => bodyCell(column, row, index === 0))}
      </tr> `,
  );
  const totals = footer?.map((text, index) =>
    index === 0 ? html`<th scope="row">${text}</th>` : html`<td class="${columns[index]!.kind}">${text}</td>`,
  );
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table class="${sortable ? 'sortable' : 'plain'}">
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${heads}
        </tr>
      </thead>
      <tbody>
        ${lines}
      </tbody>
      ${
        totals === undefined
          ? null
          : html`<tfoot>
              <tr>
                ${totals}
              </tr>
            </tfoot> `
      }
    </table>
  </div> `;
}

function bodyCell<Row>({ kind, cell, sortBy }: DataColumn<Row>, row: Row, first: boolean): Html {
  const key = sortBy === undefined ? null : html` data-key="${String(sortBy(row) ?? '')}"`;
  return first ? html`<th scope="row" ${key}>${cell(row)}</th>` : html`<td class="${kind}" ${key}>${cell(row)}</td>`;
}
