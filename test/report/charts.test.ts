import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import { CHART_WIDTHS, taskLabels } from '../../report/chart.ts';
import { drawScores } from '../../report/evaluation-chart.ts';
import { drawMixture, mixture, mixtureFinding } from '../../report/mixture-chart.ts';
import { drawTaskValues, valuedTasks } from '../../report/task-value-chart.ts';
import { chartsOf } from './charts-of.ts';
import { demoSummary } from './demo-summary.ts';

const summary = demoSummary();
const { scores } = summary.evaluation!;

describe.each(chartsOf(summary))('chart of %s', (_, draw) => {
  test.each(Object.values(CHART_WIDTHS))('is whole SVG of the wanted width %i, the same each time', (width) => {
    const svg = draw(width);
    expect(draw(width)).toBe(svg);
    const root = parseHTML(svg).document.querySelector('svg')!;
    expect(root.getAttribute('xmlns')).toBe('http://www.w3.org/2000/svg');
    expect(root.getAttribute('width')).toBe(String(width));
    expect(svg).not.toMatch(/NaN|Infinity|undefined|<style|<script/);
  });

  test('rounds every coordinate to 3 decimals', () => {
    expect(draw(CHART_WIDTHS.wide).replace(/>[^<]*</g, '><')).not.toMatch(/\.\d{4}/);
  });
});

describe('mixture', () => {
  test('shares add up to 1 before and after, copies counted', () => {
    const lines = mixture(summary.tasks);
    expect(lines.reduce((sum, { before }) => sum + before, 0)).toBeCloseTo(1, 12);
    expect(lines.reduce((sum, { after }) => sum + after, 0)).toBeCloseTo(1, 12);
    expect(lines[0]).toEqual({ task: 'garment_name', before: 2000 / 7960, after: 106 / 1194 });
  });

  test('a bar is as long as its share', () => {
    const svg = drawMixture(
      [
        { task: 'a', before: 0.5, after: 0.25 },
        { task: 'b', before: 0.5, after: 0.75 },
      ],
      860,
    );
    const widths = [...parseHTML(svg).document.querySelectorAll('rect')].map((bar) =>
      Number(bar.getAttribute('width')),
    );
    // Each bar over the first: 0.5, 0.25, 0.5, 0.75 of the whole.
    expect(widths.map((width) => width / widths[0]!)).toBeAllclose([1, 0.5, 1, 1.5], { rtol: 1e-4, atol: 0 });
  });

  test('the finding names the largest gain and the largest loss, and an unchanged mixture as such', () => {
    expect(mixtureFinding(mixture(summary.tasks)).replaceAll('\u00a0', ' ')).toBe(
      'The selection moves most towards garment_pair from 5.0 % to 16.2 %, and most away from garment_name from 25.1 % to 8.9 %.',
    );
    expect(mixtureFinding([{ task: 'a', before: 1, after: 1 }])).toBe(
      'The selection has the same mixture of tasks as the dataset.',
    );
  });
});

describe('task labels', () => {
  test('names that are equal after cutting stay apart', () => {
    const names = ['a'.repeat(30), `${'a'.repeat(29)}b`, 'c'];
    const { label } = taskLabels(names, 340);
    expect(new Set(names.map(label)).size).toBe(3);
    expect(names.every((name) => label(name).length <= 14)).toBe(true);
  });
});

test('bars of value 0 have no width', () => {
  const none = scores.map((score) => ({ ...score, macroAccuracy: 0, interval: [0, 0] as [number, number] }));
  const tasks = valuedTasks(summary.tasks).map((task) => ({ ...task, value: 0, interval: null }));
  for (const svg of [drawScores(none, 700), drawTaskValues(tasks, 700)]) {
    const { document } = parseHTML(svg);
    const widths = [...document.querySelectorAll('rect')].map((bar) => Number(bar.getAttribute('width')));
    expect(widths.length).toBeGreaterThan(0);
    expect(widths.every((width) => width === 0)).toBe(true);
  }
});
