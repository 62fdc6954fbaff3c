// Section of the report: what filters left out before rows were drawn, with the rows to look at.
import type { FilteredTask } from '../contracts/messages/selection.ts';
import type { FilterName } from '../contracts/methods.ts';
import type { FilteredRow, FilterSummary, NearRows } from '../contracts/summary.ts';
import { dataTable } from './data-table.ts';
import type { DataColumn } from './data-table.ts';
import { count, number, percent } from './format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { rowItem } from './row-item.ts';

const HEADINGS: Readonly<Record<FilterName, string>> = {
  loss_guard: 'Suspect answers',
  loss_cut: 'Highest losses',
  near_duplicates: 'Near another row',
};

/** Counts by task and filter, then the rows themselves; null for a run without filters. */
export function filterSection(summary: FilterSummary | null): Html | null {
  if (summary === null) return null;
  const { filters, tasks, nearRows, nearRowCount, suspectRows } = summary;
  const all = tasks.reduce((sum, { rowCount }) => sum + rowCount, 0);
  const left = tasks.reduce((sum, { rowCount, keptCount }) => sum + rowCount - keptCount, 0);
  return html`<section id="filters" class="gallery" aria-labelledby="filters-title">
    <h2 id="filters-title">Left out before the choice</h2>
    <p class="lead">
      ${count(left)} of ${count(all)} rows (${percent(left / Math.max(1, all))}) were left out; they come only where the
      others of their task have run out.
    </p>
    ${dataTable('Rows left out, by task', columnsOf(filters, tasks), tasks)}
    ${suspectRows.length === 0 ? null : suspects(suspectRows)}
    ${nearRows.length === 0 ? null : nearGallery(nearRows, nearRowCount)}
  </section> `;
}

function columnsOf(filters: readonly FilterName[], tasks: readonly FilteredTask[]): DataColumn<FilteredTask>[] {
  const dropped = filters.map((filter): DataColumn<FilteredTask> => ({
    heading: HEADINGS[filter],
    kind: 'number',
    cell: ({ dropped: own }) => count(own.find((one) => one.filter === filter)?.count ?? 0),
  }));
  const isGuarded = tasks.some(({ badLossShare }) => badLossShare !== undefined);
  return [
    { heading: 'Task', kind: 'text', cell: ({ task }) => task },
    { heading: 'Rows', kind: 'number', cell: ({ rowCount }) => count(rowCount) },
    ...dropped,
    { heading: 'Kept', kind: 'number', cell: ({ keptCount }) => count(keptCount) },
    ...(isGuarded ? [badShare] : []),
  ];
}

const badShare: DataColumn<FilteredTask> = {
  heading: 'Bad losses',
  title: 'share of the rows that the reference model has not seen whose answer is less likely than half of chance',
  kind: 'number',
  cell: ({ badLossShare }) => (badLossShare === undefined || badLossShare === null ? '–' : percent(badLossShare)),
  sortBy: ({ badLossShare }) => badLossShare ?? null,
};

function suspects(rows: readonly FilteredRow[]): Html {
  return html`<h3>Suspect answers</h3>
    <p>The highest losses among the rows that were left out for their losses: wrong answers, or hard ones.</p>
    <ul class="rows">
      ${rows.map((row) => rowItem(row, factsOf(row), null))}
    </ul> `;
}

function nearGallery(nearRows: readonly NearRows[], nearRowCount: number): Html {
  const shown =
    nearRows.length < nearRowCount ? `The ${nearRows.length} of ${count(nearRowCount)} kept rows` : 'The kept rows';
  return html`<h3>Rows near to one another</h3>
    <p>${shown} that most others are near to, and the first of these.</p>
    ${nearRows.map(
      ({ kept, count: near, examples }) =>
        html`<h4>${kept.task}: row ${count(kept.rowIndex)} stands for ${count(near)} more</h4>
          <ul class="rows">
            ${rowItem(kept, factsOf(kept), html`<span class="tag picked">kept</span>`)}
            ${examples.map((row) => rowItem(row, factsOf(row), html`<span class="tag">left out</span>`))}
          </ul> `,
    )} `;
}

function factsOf({ rowIndex, task, loss }: FilteredRow): string {
  return `row ${count(rowIndex)} · ${task} · loss ${number(loss)}`;
}
