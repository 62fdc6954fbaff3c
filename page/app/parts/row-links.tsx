// Rows by their numbers, each a link to the row.
import { count } from '../../../report/format.ts';
import { linkTo } from '../logic/route.ts';

interface RowLinksProps {
  title: string;
  runName: string;
  rows: readonly number[];
  /** Of which `rows` are the first. */
  total: number;
}

/** A list of links, and how many more there are. */
export function RowLinks({ title, runName, rows, total }: RowLinksProps): preact.JSX.Element {
  return (
    <section aria-label={title} class="row-links">
      <h3>
        {title} <span class="quiet">{count(total)}</span>
      </h3>
      {rows.length === 0 ? <p class="quiet">none</p> : null}
      <ul>
        {rows.map((rowIndex) => (
          <li key={rowIndex}>
            <a href={linkTo({ view: 'rows', runName }, { row: String(rowIndex) })}>{count(rowIndex)}</a>
          </li>
        ))}
      </ul>
      {total > rows.length && rows.length > 0 ? <p class="quiet">and {count(total - rows.length)} more</p> : null}
    </section>
  );
}
