// Where the page begins.
import { render } from 'preact';
import { DARK, LIGHT, cssVariables } from '../../report/palette.ts';
import { startLive } from './data/live.ts';
import { Shell } from './shell.tsx';

/** The colours of the report, as a sheet made by script: a style element would need `unsafe-inline`. */
const colors = new CSSStyleSheet();
colors.replaceSync(
  `:root { ${cssVariables(LIGHT)} } @media (prefers-color-scheme: dark) { :root { ${cssVariables(DARK)} } }`,
);
document.adoptedStyleSheets = [...document.adoptedStyleSheets, colors];

const root = document.getElementById('app');
if (root !== null) {
  root.replaceChildren();
  render(<Shell />, root);
  startLive();
}
