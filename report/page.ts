// The frame of a page: head, navigation, sections, style and script with it.
import { html, trusted } from './html.ts';
import type { Html } from './html.ts';
import { SORT_SCRIPT } from './sort-script.ts';
import { STYLE } from './style.ts';

/** Nothing is requested from anywhere, whatever a dataset's text says. */
const POLICY =
  "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** One part of a page; null content leaves it out. */
export interface PageSection {
  id: string;
  title: string;
  content: Html | null;
}

export interface Page {
  /** What kind of page it is: `tive report`. */
  kind: string;
  /** Whose page it is. */
  name: string;
  sections: readonly PageSection[];
  /** Where its numbers are from. */
  origin: string;
}

/**
 * One HTML file that needs nothing else, readable without script, in light and dark colours and on paper. Equal content
 * gives equal bytes.
 */
export function renderPage({ kind, name, sections, origin }: Page): string {
  const shown = sections.filter(({ content }) => content !== null);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${trusted(POLICY)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <title>${name} · ${kind}</title>
        <style>
          ${trusted(STYLE)}
        </style>
      </head>
      <body>
        <header>
          <h1>${kind} · <b>${name}</b></h1>
        </header>
        <nav aria-label="Sections">
          <ul>
            ${shown.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}
          </ul>
        </nav>
        <main>${shown.map(({ content }) => content)}</main>
        <footer>${origin}</footer>
        <script>
          ${trusted(SORT_SCRIPT)};
        </script>
      </body>
    </html> `.markup;
}
