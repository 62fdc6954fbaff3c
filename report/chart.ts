// What all charts share: widths, figure, legend, labels.
import * as Plot from '@observablehq/plot';
import type { PlotOptions } from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { html, trusted, visibleText } from './html.ts';
import type { Html } from './html.ts';
import { shorten } from './format.ts';

/** Widths that every chart is drawn in, in CSS pixels: phones and the rest. The style sheet shows one of them. */
export const CHART_WIDTHS = { narrow: 340, wide: 860 } as const;

/** Tasks that one chart shows; the table beside it has all. */
export const MAX_CHART_TASKS = 40;

/** A chart: a pure function from what it shows and a width to SVG text. */
export type Draw = (width: number) => string;

/**
 * Draws a plot without a browser: SVG text with its namespace, numbers rounded to 3 decimals, no style sheet of its own
 * (the page has the rules), the same bytes for the same options. Colours are CSS variables, so both schemes work.
 */
export function drawSvg(options: PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = Plot.plot({ ...options, document: document as never });
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('font-size', '12');
  svg.querySelectorAll('style').forEach((element: { remove(): void }) => element.remove());
  for (const element of [svg, ...svg.querySelectorAll('*')]) {
    for (const attribute of element.attributes as Iterable<{ name: string; value: string }>) {
      if (attribute.name === 'aria-label') element.removeAttribute(attribute.name);
      else if (/\.\d{4}/.test(attribute.value)) element.setAttribute(attribute.name, rounded(attribute.value));
    }
  }
  return svg.outerHTML;
}

function rounded(text: string): string {
  return text.replace(/-?\d+\.\d{4,}(e[-+]?\d+)?/g, (digits) => String(Number(Number(digits).toFixed(3))));
}

export interface LegendKey {
  label: string;
  color: string;
  /** A swatch, or the symbol that the chart uses. */
  mark: 'bar' | 'line' | { symbol: string };
}

export interface FigureContent {
  /** What the chart says, in one sentence: caption and accessible name. */
  finding: string;
  draw: Draw;
  /** Key of the colours, if the chart has more than one. */
  legend?: LegendKey[];
  /** The numbers of the chart. */
  table: Html;
}

/** A chart with its finding as caption, drawn for wide and for narrow screens, and its numbers as a table. */
export function figure({ finding, draw, legend, table }: FigureContent): Html {
  const keys = (legend ?? []).map(({ label, color, mark }) => {
    const sign =
      typeof mark === 'string'
        ? html`<i class="${mark}" style="background: ${color}"></i>`
        : html`<b style="color: ${color}">${mark.symbol}</b>`;
    return html`<span class="key">${sign}${label}</span>`;
  });
  return html`<figure>
    <figcaption>${finding}</figcaption>
    ${keys.length === 0 ? null : html`<p class="keys">${keys}</p>`}
    <div class="chart" role="img" aria-label="${finding}">
      <div class="wide">${trusted(draw(CHART_WIDTHS.wide))}</div>
      <div class="narrow">${trusted(draw(CHART_WIDTHS.narrow))}</div>
    </div>
    <details>
      <summary>Numbers</summary>
      ${table}
    </details>
  </figure> `;
}

/**
 * Task names as axis labels, cut to a width's room but never to equal texts, and the margin that they need in pixels.
 */
export function taskLabels(
  tasks: readonly string[],
  width: number,
): { label: (task: string) => string; margin: number } {
  const room = width < 500 ? 14 : 24;
  const labels = new Map<string, string>();
  const used = new Set<string>();
  for (const task of tasks) {
    let label = shorten(visibleText(task), room);
    for (let number = 2; used.has(label); number += 1) label = `${shorten(visibleText(task), room - 3)} ${number}`;
    used.add(label);
    labels.set(task, label);
  }
  const longest = Math.max(1, ...[...labels.values()].map((label) => [...label].length));
  return { label: (task) => labels.get(task)!, margin: Math.round(longest * 7) + 14 };
}
