import { expect, test } from 'vitest';
import { selectRows } from '../../algorithms/selectors/select-rows.ts';
import type { Selection, SelectionRequest } from '../../algorithms/selectors/select-rows.ts';
import { METHOD_NAMES, METHODS, quotasOf, readsSetting } from '../../contracts/methods.ts';
import { toColumns } from './sampled-rows.ts';

/** 60 rows in three tasks of 20. */
const COLUMNS = toColumns(
  Array.from({ length: 60 }, (_, index) => ({
    content: `content ${index}`,
    rowIndex: index,
    taskIndex: index % 3,
    instanceValue: 0.3 * Math.sin(index),
    gradientNorm: 1 + ((index * 7) % 20),
    loss: ((index * 11) % 17) / 4,
    supervisedTokenCount: 1 + ((index * 5) % 13),
    el2n: ((index * 3) % 29) / 20,
    cluster: (index * 3) % 7,
    trajectoryCluster: (index * 5) % 6,
    affinity: [Math.cos(index), Math.cos(2 * index)],
    subspaceAffinity: [Math.sin(index)],
  })),
);
const REQUEST = {
  lambda: 3,
  ranks: 'top',
  seed: 42,
  budget: 12,
  tasks: ['a', 'b', 'c'].map((task) => ({ task, quota: 4 })),
} as const;

function select(
  method: SelectionRequest['method'],
  weight: (row: number) => number,
  change: Partial<SelectionRequest> = {},
): Selection {
  const rows = { ...COLUMNS, weight: Float64Array.from(COLUMNS.rowIndex, weight) };
  return selectRows(rows, { ...REQUEST, replacement: false, method, quotas: quotasOf(method, 'value'), ...change });
}

/** Every second row weighs next to nothing. */
const halved = (row: number): number => (row % 4 < 2 ? 1 : 1e-9);
const isLight = (row: number): boolean => halved(row) < 1;
const even = (): number => 1;

test.each(METHOD_NAMES.filter((method) => METHODS[method].quotas === 'score'))(
  '%s ranks rows whatever they weigh',
  (method) => {
    expect(select(method, halved).rows).toEqual(select(method, even).rows);
  },
);

test.each(METHOD_NAMES.filter((method) => METHODS[method].quotas !== 'score'))(
  '%s draws rows by their weights',
  (method) => {
    const { rows, effectiveShare } = select(method, halved);
    const plain = select(method, even);
    expect(rows.position).not.toEqual(plain.rows.position);
    expect([...plain.rows.position].filter(isLight).length).toBeGreaterThan(0);
    // Clusters take their turns whatever their rows weigh.
    if (method === 'clusters' || method === 'trajectories') return;
    expect([...rows.position].filter(isLight)).toEqual([]);
    if (method !== 'random') for (const share of effectiveShare) expect(share).toBeLessThan(0.51);
    if (!readsSetting(method, 'replacement')) return;
    expect([...select(method, halved, { replacement: true }).rows.position].filter(isLight)).toEqual([]);
  },
);

test('an uneven draw is told with what weights have to do with it', () => {
  const { warnings } = select('tive', halved);
  expect(warnings[0]).toMatch(/; near_duplicate_weight has a part in it, or lower lambda$/);
});
