// Section of the report: rows of each task with their values, pictures and words.
import type { ExampleGroup, ExampleRow, RunSummary } from '../contracts/summary.ts';
import { count, number } from './format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { thumbnail } from './thumbnail.ts';

const GROUPS: readonly { group: ExampleGroup; title: string }[] = [
  { group: 'top', title: 'Highest instance value' },
  { group: 'bottom', title: 'Lowest instance value' },
  { group: 'random', title: 'Random among the selected' },
];

/** What the values mean in pictures and words, task by task; null where the report leaves them out. */
export function exampleSection({ examples, tasks }: RunSummary): Html | null {
  if (examples.length === 0) return null;
  const galleries = tasks
    .map(({ task }) => ({ task, rows: examples.filter((row) => row.task === task) }))
    .filter(({ rows }) => rows.length > 0);
  return html`<section id="examples" class="gallery" aria-labelledby="examples-title">
    <h2 id="examples-title">Examples</h2>
    <p class="lead">
      Rows of each task by instance value, with loss and gradient norm at the reference model. A high value means that
      the row’s gradient points where its task’s gradients point.
    </p>
    ${galleries.map(
      ({ task, rows }, index) =>
        html`<details class="task" ${index === 0 ? html` open` : null}>
          <summary>${task}</summary>
          ${GROUPS.map(({ group, title }) =>
            groupRows(
              title,
              rows.filter((row) => row.group === group),
            ),
          )}
        </details> `,
    )}
  </section> `;
}

function groupRows(title: string, rows: readonly ExampleRow[]): Html | null {
  if (rows.length === 0) return null;
  return html`<h4>${title}</h4>
    <ul class="rows">
      ${rows.map(exampleRow)}
    </ul> `;
}

function exampleRow(row: ExampleRow): Html {
  const { rowIndex, instanceValue, gradientNorm, loss, copies, turns } = row;
  const picked =
    copies === 0
      ? html`<span class="tag">not selected</span>`
      : html`<span class="tag picked">selected${copies > 1 ? ` ×\u00a0${copies}` : null}</span>`;
  const dialogue = turns.map(
    ({ role, text }) =>
      html`<p class="${role === 'gpt' ? 'answer' : 'question'}">${text.replaceAll('<image>', '').trim()}</p>`,
  );
  return html`<li class="row">
    ${thumbnail(row.thumbnail, `picture of row ${rowIndex}`)}
    <div>
      ${dialogue.length === 0 ? html`<p class="question">(text not available)</p>` : dialogue}
      <p class="facts">
        row ${count(rowIndex)} · value ${number(instanceValue)} · loss ${number(loss)} · norm ${number(gradientNorm)}
      </p>
      ${picked}
    </div>
  </li> `;
}
