// Section of the report: the tasks, their values, quotas and rows.
import { quotasOf } from '../contracts/methods.ts';
import type { Quotas } from '../contracts/methods.ts';
import type { RunSummary, TaskSummary } from '../contracts/summary.ts';
import { count, number, percent } from './format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { isCapped } from './notices.ts';
import { dataTable } from './data-table.ts';
import type { DataColumn } from './data-table.ts';
import { intervalText, taskValueFigure } from './task-value-chart.ts';
import { gradientNormFigure } from './norm-chart.ts';

/** Every task from its rows to what was selected of it. */
export function taskSection(summary: RunSummary): Html {
  const { tasks } = summary;
  const sum = (pick: (task: TaskSummary) => number | null): string =>
    count(tasks.reduce((total, task) => total + (pick(task) ?? 0), 0));
  const repeats = tasks.some(({ copyCount, selectedCount }) => copyCount > selectedCount);
  const withAuto = tasks.some(({ quota, autoQuota }) => quota !== autoQuota);
  const columns = [...COLUMNS, ...(withAuto ? [AUTO] : []), ...(repeats ? [COPIES] : [])];
  const totals = [
    'All',
    sum((task) => task.rowCount),
    sum((task) => task.quarantinedCount),
    '',
    '',
    '',
    sum((task) => task.quota),
    sum((task) => task.selectedCount),
    '',
    ...(withAuto ? [sum((task) => task.autoQuota)] : []),
    ...(repeats ? [sum((task) => task.copyCount)] : []),
  ];
  return html`<section id="tasks" aria-labelledby="tasks-title">
    <h2 id="tasks-title">Tasks</h2>
    <p class="lead">
      The budget of ${count(summary.selection.budget)} rows is shared out by
      ${WEIGHTINGS[weightingOf(summary)]}${withAuto ? ', where auto would give the tasks equal parts' : null}. A dash:
      the task takes no part.
    </p>
    ${dataTable('Tasks from rows to selection', columns, tasks, totals)}
    ${taskValueFigure(summary)}${gradientNormFigure(summary)}
  </section> `;
}

const WEIGHTINGS: Readonly<Record<Quotas, string>> = {
  value: 'task value',
  equal: 'equal parts',
  size: 'size',
  tempered: 'a power of size',
  pooled: 'nothing but the draw: the method pools all tasks, and the quotas below are the shares by size',
};

function weightingOf({ selection, config }: RunSummary): Quotas {
  return quotasOf(selection.method, config.allocation.weighting);
}

const COLUMNS: readonly DataColumn<TaskSummary>[] = [
  { heading: 'Task', kind: 'text', cell: ({ task }) => task },
  { heading: 'Rows', kind: 'number', cell: ({ rowCount }) => count(rowCount), sortBy: ({ rowCount }) => rowCount },
  {
    heading: 'Set aside',
    title: 'Quarantined rows',
    kind: 'number',
    cell: ({ quarantinedCount }) => count(quarantinedCount),
    sortBy: ({ quarantinedCount }) => quarantinedCount,
  },
  { heading: 'Value', kind: 'number', cell: ({ value }) => number(value), sortBy: ({ value }) => value },
  {
    heading: '95\u00a0% interval',
    title: 'Bootstrap interval of the task value',
    kind: 'number',
    cell: ({ interval }) => intervalText(interval),
    sortBy: ({ interval }) => interval?.[0] ?? null,
  },
  {
    heading: 'Share',
    title: 'Weight in the allocation',
    kind: 'number',
    cell: ({ share }) => percent(share),
    sortBy: ({ share }) => share,
  },
  { heading: 'Quota', kind: 'number', cell: (task) => quotaCell(task), sortBy: ({ quota }) => quota },
  {
    heading: 'Selected',
    title: 'Distinct rows',
    kind: 'number',
    cell: ({ selectedCount }) => count(selectedCount),
    sortBy: ({ selectedCount }) => selectedCount,
  },
  {
    heading: 'Effective share',
    title: 'Equally likely rows that would be as uneven a draw, over the rows of the task (effective sample size, ESS)',
    kind: 'number',
    cell: ({ effectiveShare }) => percent(effectiveShare),
    sortBy: ({ effectiveShare }) => effectiveShare,
  },
];

const AUTO: DataColumn<TaskSummary> = {
  heading: 'By auto',
  title: 'Quota that selection.method: auto would give',
  kind: 'number',
  cell: ({ autoQuota }) => count(autoQuota),
  sortBy: ({ autoQuota }) => autoQuota,
};

const COPIES: DataColumn<TaskSummary> = {
  heading: 'With copies',
  kind: 'number',
  cell: ({ copyCount }) => count(copyCount),
  sortBy: ({ copyCount }) => copyCount,
};

function quotaCell(task: TaskSummary): Html {
  return isCapped(task) ? html`${count(task.quota)} <span class="tag">capped</span>` : html`${count(task.quota)}`;
}
