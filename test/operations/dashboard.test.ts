import { expect, test } from 'vitest';
import { METRICS } from '../../activities/shared/metrics.ts';
import type { MetricDefinition } from '../../activities/shared/metrics.ts';
import { readText } from './container.ts';

interface Panel {
  id: number;
  title: string;
  targets: { expr: string; legendFormat: string }[];
  gridPos: { x: number; y: number; w: number; h: number };
}

const { panels } = JSON.parse(readText('examples/grafana/tive.json')) as { panels: Panel[] };
const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

test('the dashboard shows all metrics that exist, and no other', () => {
  const names = expressions.flatMap((expression) => expression.match(/\btive_\w+/g) ?? []);
  expect([...new Set(names)].sort()).toEqual(Object.keys(METRICS).sort());
});

test.each(Object.entries<MetricDefinition>(METRICS))(
  '%s is grouped by labels that it has',
  (name, { kind, labels }) => {
    for (const expression of expressions.filter((text) => text.includes(name))) {
      const groups = /by \(([^)]*)\)/.exec(expression)![1]!.split(', ');
      for (const label of groups) expect([...labels, 'instance']).toContain(label);
      expect(/\b(rate|increase)\(/.test(expression)).toBe(kind === 'counter');
    }
  },
);

test('panels have numbers of their own and do not overlap', () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.map(({ gridPos: { x, y } }) => `${x},${y}`);
  expect(new Set(cells).size).toBe(panels.length);
});
