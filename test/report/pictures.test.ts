// What a person has looked at: every chart, every section and the page around them, of a small run, a file each.
import { describe, expect, test } from 'vitest';
import { CHART_WIDTHS } from '../../report/chart.ts';
import { renderReport } from '../../report/render-report.ts';
import { chartsOf } from './charts-of.ts';
import { demoSummary } from './demo-summary.ts';

const summary = demoSummary(3);
const charts = chartsOf(summary);
const { shell, sections } = takeApart(renderReport(summary));

/** The page with a comment for each section, and the sections with a comment for each chart. */
function takeApart(page: string): { shell: string; sections: Map<string, string> } {
  let text = page;
  for (const [name, draw] of charts)
    for (const [size, width] of Object.entries(CHART_WIDTHS))
      text = text.replaceAll(draw(width), `<!-- chart ${name}, ${size} -->`);
  const sections = new Map<string, string>();
  const shell = text.replace(/<section id="([^"]+)"[^]*?<\/section>/g, (section: string, id: string) => {
    sections.set(id, `${section}\n`);
    return `<!-- section ${id} -->`;
  });
  return { shell, sections };
}

/** An element a line, so that a change shows where it is. */
function byLine(svg: string): string {
  return `${svg.replaceAll('><', '>\n<')}\n`;
}

describe('a small run', () => {
  test.each(charts)('its chart of %s is as reviewed, on wide and on narrow screens', async (name, draw) => {
    const drawn = Object.values(CHART_WIDTHS).map((width) => byLine(draw(width)));
    await expect(drawn.join('')).toMatchFileSnapshot(`pictures/${name}.chart.html`);
  });

  test.each([...sections])('its section %s is as reviewed', async (id, section) => {
    await expect(section).toMatchFileSnapshot(`pictures/${id}.section.html`);
  });

  test('the page around its sections is as reviewed', async () => {
    await expect(shell).toMatchFileSnapshot('pictures/page.html');
  });

  test('the page has every chart in both widths, and no other picture is drawn', () => {
    const shown = [...sections.values()].join('').match(/<!-- chart .*? -->/g);
    const wanted = charts.flatMap(([name]) =>
      Object.keys(CHART_WIDTHS).map((size) => `<!-- chart ${name}, ${size} -->`),
    );
    expect(shown?.sort()).toEqual(wanted.sort());
    expect([shell, ...sections.values()].filter((part) => part.includes('<svg'))).toEqual([]);
  });
});
