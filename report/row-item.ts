// A row of the dataset in a gallery of the report: its picture, its first turns, numbers.
import type { ExampleRow } from '../contracts/summary.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { thumbnail } from './thumbnail.ts';

/** What a gallery shows of a row. */
export type ShownRow = Pick<ExampleRow, 'rowIndex' | 'thumbnail' | 'turns'>;

/** One item of a list of rows. @param facts numbers below its dialogue @param tag what became of it, or null */
export function rowItem({ rowIndex, thumbnail: picture, turns }: ShownRow, facts: string, tag: Html | null): Html {
  const dialogue = turns.map(
    ({ role, text }) =>
      html`<p class="${role === 'gpt' ? 'answer' : 'question'}">${text.replaceAll('<image>', '').trim()}</p>`,
  );
  return html`<li class="row">
    ${thumbnail(picture, `picture of row ${rowIndex}`)}
    <div>
      ${dialogue.length === 0 ? html`<p class="question">(text not available)</p>` : dialogue}
      <p class="facts">${facts}</p>
      ${tag}
    </div>
  </li> `;
}
