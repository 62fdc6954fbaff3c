// A row of the dataset in a gallery of the report: its picture, its first turns, numbers.
import type { ExampleRow } from '../contracts/summary.ts';
import { html, trusted } from './html.ts';
import type { Html } from './html.ts';

/** Only these bytes are shown as a picture: a JPEG that was made for the report. Null otherwise. */
const THUMBNAIL = /^data:image\/jpeg;base64,[A-Za-z0-9+/]+={0,2}$/;

/** What a gallery shows of a row. */
export type ShownRow = Pick<ExampleRow, 'rowIndex' | 'thumbnail' | 'turns'>;

/** One item of a list of rows. @param facts numbers below its dialogue @param tag what became of it, or null */
export function rowItem({ rowIndex, thumbnail, turns }: ShownRow, facts: string, tag: Html | null): Html {
  const dialogue = turns.map(
    ({ role, text }) =>
      html`<p class="${role === 'gpt' ? 'answer' : 'question'}">${text.replaceAll('<image>', '').trim()}</p>`,
  );
  return html`<li class="row">
    ${picture(thumbnail, rowIndex)}
    <div>
      ${dialogue.length === 0 ? html`<p class="question">(text not available)</p>` : dialogue}
      <p class="facts">${facts}</p>
      ${tag}
    </div>
  </li> `;
}

function picture(uri: string | null, rowIndex: number): Html | null {
  if (uri === null || !THUMBNAIL.test(uri)) return null;
  return trusted(`<img src="${uri}" alt="picture of row ${rowIndex}" loading="lazy">`);
}
