import { afterEach, describe, expect, test, vi } from 'vitest';
import { needsRecomputation } from '../../../activities/shared/memory-plan.ts';
import { MEMORY_VARIABLE } from '../../../contracts/memory-variable.ts';
import { SmallRun } from '../small-run.ts';

const run = new SmallRun();
afterEach(() => void vi.unstubAllEnvs());

describe('layers are computed again', () => {
  test.each([
    ['not where there is room', 256e9, false],
    // Of these rows a layer keeps a gigabyte, and its input some megabytes.
    ['where what they keep does not fit', 0.9e9, true],
  ])('%s', async (_, bytes, wanted) => {
    vi.stubEnv(MEMORY_VARIABLE, String(bytes));
    const config = run.config('gradients.cutoff_len=4096', 'gradients.token_budget=262144');
    expect(await needsRecomputation(config, run.models)).toBe(wanted);
  });
});
