import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { DATASET, RECIPE } from './dataset-cases.ts';
import { MODEL } from './model-cases.ts';
import { ROWS } from './row-cases.ts';
import { MACHINE, STORE } from './store-cases.ts';
import { World } from './world.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-bad-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const CASES = [...RECIPE, ...DATASET, ...ROWS, ...MODEL, ...STORE, ...MACHINE];

test('the table has all 49 cases', () => {
  expect([...new Set(CASES.map(([number]) => number))]).toEqual(Array.from({ length: 49 }, (_, index) => index + 1));
});

test.each(CASES)(
  '%i: %s',
  async (number, what, act, wanted) => {
    const { message, ...outcome } = await act(new World(join(root, `${number} ${what}`)));
    const { message: text, ...others } = wanted as { message: string | RegExp };
    expect(outcome).toEqual(others);
    if (typeof text === 'string') expect(message).toBe(text);
    else expect(message).toMatch(text);
  },
  60_000,
);
