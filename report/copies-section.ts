// Section of the report: rows that come again, and what was done to the pictures of their copies.
import { changedCountOf, changeText, PICTURE_OPERATIONS, PLAIN_REASONS } from '../contracts/augmentation.ts';
import type { CopyCounts, PlainReason } from '../contracts/augmentation.ts';
import type { CopiesSummary, CopyExample } from '../contracts/summary.ts';
import { dataTable } from './data-table.ts';
import { count } from './format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { thumbnail } from './thumbnail.ts';

/** Copies by task and operation, with a picture of each beside its parent; null where there are none. */
export function copiesSection(copies: CopiesSummary | undefined): Html | null {
  if (copies === undefined) return null;
  const { tasks, examples } = copies;
  const all = tasks.reduce((sum, task) => sum + countOf(task), 0);
  return html`<section id="copies" class="gallery" aria-labelledby="copies-title">
    <h2 id="copies-title">Repeated rows</h2>
    <p class="lead">
      Rows that are taken again make ${count(all)} ${all === 1 ? 'copy' : 'copies'} beyond the first of each.
      ${count(changedCountOf(tasks))} of them have changed pictures, by an operation that the words of the row allow;
      the others are the same again${reasonsText(tasks)}.
    </p>
    ${dataTable(
      'Copies by task and by what was done to their pictures',
      [
        { heading: 'Task', kind: 'text', cell: ({ task }: CopyCounts) => task },
        { heading: 'Copies', kind: 'number', cell: (task) => count(countOf(task)), sortBy: countOf },
        ...PICTURE_OPERATIONS.map((operation) => ({
          heading: operation[0]!.toUpperCase() + operation.slice(1),
          kind: 'number' as const,
          cell: ({ changed }: CopyCounts) => count(changed[operation] ?? 0),
          sortBy: ({ changed }: CopyCounts) => changed[operation] ?? 0,
        })),
        { heading: 'The same', kind: 'number', cell: (task) => count(plainCountOf(task)), sortBy: plainCountOf },
      ],
      tasks,
    )}
    ${examples.length === 0 ? null : gallery(examples)}
  </section> `;
}

function gallery(examples: readonly CopyExample[]): Html {
  return html`<h4>One of each, beside the picture that it was made of</h4>
    <ul class="rows">
      ${examples.map(
        (example) =>
          html`<li class="row">
            ${thumbnail(example.parent, `picture of row ${example.rowIndex}`)}
            ${thumbnail(example.changed, `the same, changed: ${example.operation}`)}
            <div>
              <p>${changeText(example)}</p>
              <p class="facts">${example.task} · row ${count(example.rowIndex)} · copy ${example.copy}</p>
            </div>
          </li> `,
      )}
    </ul> `;
}

function plainCountOf({ plain }: CopyCounts): number {
  return Object.values(plain).reduce((sum, some) => sum + some, 0);
}

function countOf(task: CopyCounts): number {
  return changedCountOf([task]) + plainCountOf(task);
}

/** Why copies were left as they are, the commonest reason first: `: 28 of rows without pictures`. */
function reasonsText(tasks: readonly CopyCounts[]): string {
  const reasons = Object.keys(PLAIN_REASONS) as PlainReason[];
  const counted = reasons
    .map((reason) => ({ reason, some: tasks.reduce((sum, { plain }) => sum + (plain[reason] ?? 0), 0) }))
    .filter(({ some }) => some > 0)
    .sort((left, right) => right.some - left.some);
  if (counted.length === 0) return '';
  return `: ${counted.map(({ reason, some }) => `${count(some)} of ${PLAIN_REASONS[reason]}`).join(', ')}`;
}
