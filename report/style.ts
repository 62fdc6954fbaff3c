// The style sheet of the report.
import { DARK, LIGHT, cssVariables } from './palette.ts';

/** The style sheet of the page: both schemes, phones to wide screens, print in light colours. */
export const STYLE = `
:root { color-scheme: light dark; ${cssVariables(LIGHT)} }
@media (prefers-color-scheme: dark) { :root { ${cssVariables(DARK)} } }
@media print { :root { color-scheme: light; ${cssVariables(LIGHT)} } }
* { box-sizing: border-box; }
html { scroll-padding-top: 3.5rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif; }
header, main, footer { max-width: 1100px; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
h1 { font-size: 1.05rem; font-weight: 600; margin: 0; color: var(--muted); overflow-wrap: anywhere; }
h1 b { color: var(--text); }
h2 { font-size: 1.4rem; line-height: 1.25; letter-spacing: -0.01em; margin: 0 0 0.75rem; }
h3 { font-size: 1.05rem; margin: 2rem 0 0.5rem; overflow-wrap: anywhere; }
p { margin: 0 0 0.75rem; max-width: 72ch; }
a { color: var(--selected); }
code, .hash { font: 0.86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
section { padding: 2.25rem 0 0.5rem; }
section + section { border-top: 1px solid var(--line); margin-top: 1.5rem; }
.lead { color: var(--muted); }
nav { position: sticky; top: 0; z-index: 2; background: var(--page); border-bottom: 1px solid var(--line); margin-top: 1rem; }
nav ul { max-width: 1100px; margin: 0 auto; padding: 0 1.25rem; display: flex; gap: 1.25rem; list-style: none; overflow-x: auto; scrollbar-width: none; }
nav a { display: block; padding: 0.6rem 0; color: var(--muted); text-decoration: none; white-space: nowrap; font-size: 0.9rem; }
nav a:hover, nav a:focus-visible { color: var(--text); text-decoration: underline; text-underline-offset: 0.3em; }
.verdict { font-size: clamp(1.2rem, 0.95rem + 1.1vw, 1.6rem); line-height: 1.4; letter-spacing: -0.005em; margin: 0.5rem 0 1rem; padding-left: 1rem; border-left: 4px solid var(--muted); max-width: none; text-wrap: pretty; overflow-wrap: anywhere; }
.verdict.ahead { border-color: var(--good); }
.verdict.behind { border-color: var(--bad); }
.verdict.undecided { border-color: var(--warning); }
.remarks { color: var(--muted); padding: 0; margin: 0 0 1.5rem; list-style: none; max-width: 80ch; }
.cards { display: grid; grid-template-columns: repeat(var(--count), 1fr); gap: 0.75rem; margin: 1.5rem 0; padding: 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 0.8rem 1rem; display: flex; flex-direction: column; min-width: 0; }
.card dt { color: var(--muted); font-size: 0.85rem; }
.card dd { margin: 0; }
.card .value { font-size: 1.45rem; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums; letter-spacing: -0.02em; }
.card .note { color: var(--muted); font-size: 0.85rem; overflow-wrap: anywhere; }
.notices { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--warning); border-radius: 6px; padding: 0.9rem 1.1rem; margin: 1.5rem 0; }
.notices h3 { margin: 0 0 0.4rem; font-size: 1rem; color: var(--warning); }
.notices ul { margin: 0; padding-left: 1.2rem; }
.notices li { margin: 0.3rem 0; max-width: 80ch; overflow-wrap: anywhere; }
figure { margin: 1.5rem 0 2rem; }
figcaption { font-weight: 600; max-width: 72ch; margin-bottom: 0.4rem; overflow-wrap: anywhere; }
.keys { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; font-size: 0.9rem; margin: 0 0 0.5rem; }
.key { display: inline-flex; align-items: center; gap: 0.45rem; }
.key i { width: 1.1rem; height: 0.7rem; border-radius: 2px; }
.key i.line { height: 3px; }
.chart svg { display: block; max-width: 100%; height: auto; overflow: visible; }
.chart svg text { white-space: pre; }
.narrow { display: none; }
details { margin: 0.25rem 0; }
summary { cursor: pointer; color: var(--muted); font-size: 0.9rem; width: fit-content; }
summary:hover { color: var(--text); }
.scroll { overflow-x: auto; margin: 0.75rem 0; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); padding-bottom: 0.35rem; font-size: 0.85rem; }
th, td { padding: 0.4rem 0.75rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; white-space: nowrap; }
tbody th { font-weight: 500; overflow-wrap: anywhere; min-width: 9.5rem; max-width: 20rem; }
thead th { border-bottom: 2px solid var(--line); font-weight: 600; vertical-align: bottom; }
tfoot th, tfoot td { border-bottom: 0; border-top: 2px solid var(--line); font-weight: 600; }
tbody tr:hover { background: var(--card); }
abbr { text-decoration: none; }
td code, tbody th code { white-space: nowrap; }
th button { all: unset; cursor: pointer; }
th button:focus-visible, a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--selected); outline-offset: 2px; }
th button::after { content: " ↕"; color: var(--muted); font-weight: 400; }
th[aria-sort=ascending] button::after { content: " ↑"; }
th[aria-sort=descending] button::after { content: " ↓"; }
.tag { font-size: 0.78rem; border: 1px solid var(--line); border-radius: 999px; padding: 0 0.5rem; color: var(--muted); white-space: nowrap; }
.tag.picked { color: var(--selected); border-color: currentColor; }
.gallery h4 { font-size: 0.9rem; color: var(--muted); font-weight: 600; margin: 1rem 0 0.4rem; }
.rows { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 0.75rem; padding: 0; margin: 0; list-style: none; }
.row { border: 1px solid var(--line); border-radius: 8px; padding: 0.7rem; display: flex; gap: 0.75rem; font-size: 0.88rem; min-width: 0; }
.row > img { flex: none; width: 72px; height: 72px; object-fit: contain; background: var(--card); border-radius: 4px; }
.row > div:last-child { min-width: 0; flex: 1; }
.row p { margin: 0 0 0.25rem; overflow-wrap: anywhere; line-height: 1.4; }
.row .question, .row .answer { white-space: pre-line; }
.row .answer { font-weight: 600; }
.row .facts { color: var(--muted); font-size: 0.8rem; font-variant-numeric: tabular-nums; }
.task > summary { color: var(--text); font-weight: 600; font-size: 1rem; padding: 0.5rem 0; overflow-wrap: anywhere; }
.task { border-bottom: 1px solid var(--line); }
.task[open] { padding-bottom: 1.25rem; }
.facts-list { display: grid; grid-template-columns: max-content 1fr; gap: 0.3rem 1.5rem; margin: 0.75rem 0 1.5rem; font-size: 0.92rem; }
.facts-list dt { color: var(--muted); }
.facts-list dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 0.9rem 1rem; overflow-x: auto; font: 0.82rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.departures li { max-width: 80ch; margin: 0.35rem 0; }
footer { color: var(--muted); font-size: 0.85rem; padding-top: 2rem; padding-bottom: 3rem; }
@media (max-width: 960px) {
  .cards { grid-template-columns: repeat(3, 1fr); }
}
@media (max-width: 720px) {
  header, main, footer, nav ul { padding-left: 1rem; padding-right: 1rem; }
  .wide { display: none; }
  .narrow { display: block; }
  .cards { grid-template-columns: 1fr 1fr; }
  .facts-list { grid-template-columns: 1fr; gap: 0; }
  .facts-list dd { margin-bottom: 0.5rem; }
  th, td { padding: 0.4rem 0.5rem; }
}
@media print {
  nav, .narrow, th button::after { display: none; }
  .wide { display: block; }
  body { font-size: 11px; }
  section, figure, .row, tr { break-inside: avoid; }
  section { padding-top: 1rem; }
  .scroll { overflow: visible; }
  .gallery { display: none; }
}
`;
