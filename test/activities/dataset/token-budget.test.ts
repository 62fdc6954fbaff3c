import { afterEach, describe, expect, test } from 'vitest';
import { createGradientActivities } from '../../../activities/gradients/stage.ts';
import { planRun } from '../../../activities/plan/plan-run.ts';
import { InvalidConfigError } from '../../../contracts/failures.ts';
import { MEMORY_VARIABLE } from '../../../contracts/memory-variable.ts';
import { SmallRun, inActivity } from '../small-run.ts';

const run = new SmallRun('gradients.cutoff_len=2048');
const auto = run.config('gradients.token_budget=auto');
const said = run.config('gradients.token_budget=8192');

/** Processes with so much memory, from here to the end of the test. */
const withMemory = (bytes: number): void => void (process.env[MEMORY_VARIABLE] = String(bytes));
afterEach(() => {
  Reflect.deleteProperty(process.env, MEMORY_VARIABLE);
});

/** Enough for the engine, the model and 1,024 tokens; too little for 2,048. */
const SMALL_BYTES = 572e6;

describe('the token budget', () => {
  test('that the recipe leaves open is picked, and written beside rows that are as if the recipe said it', async () => {
    const [picked, explicit] = [await run.scan(auto), await run.scan(said)];
    expect(picked).toMatchObject({ tokenBudget: 8192, warnings: [] });
    expect(picked.largestBatch!.rowCount).toBeGreaterThan(1);
    expect(explicit.tokenBudget).toBeUndefined();
    const fileOf = ({ rows }: typeof picked): string => run.hashOf(rows, 'rows.arrow');
    expect(fileOf(picked)).toBe(fileOf(explicit));
    expect(picked.rows.sha256).not.toBe(explicit.rows.sha256);
  });

  test('is smaller where there is less memory, which is said', async () => {
    const other = new SmallRun('gradients.cutoff_len=2048');
    withMemory(SMALL_BYTES);
    const picked = await other.scan(other.config('gradients.token_budget=auto'));
    expect(picked.tokenBudget).toBe(1024);
    expect(picked.warnings).toEqual([
      'gradients.token_budget: auto took 1,024 of 8,192 padded tokens a micro-batch, what a compute process has memory for',
    ]);
  });

  test('of rows that are there stays, whatever this machine would pick; training takes it from there', async () => {
    const picked = await run.scan(auto);
    const explicit = await run.tune(said);
    withMemory(SMALL_BYTES);
    expect(await run.scan(auto)).toEqual({ ...picked, cached: true });
    const tuned = await run.tune(auto);
    const hash = ({ adapter }: typeof tuned): string => run.hashOf(adapter, 'adapter_model.safetensors');
    expect(hash(tuned)).toBe(hash(explicit));
  });

  test('of another machine makes this one compute layers twice, which is said before', async () => {
    const input = await run.gradientsInput(auto);
    withMemory(SMALL_BYTES);
    const { warnings } = await inActivity(createGradientActivities(run.dependencies).planGradients, input);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^gradients: all layers of the largest micro-batches, \d+ rows of \d+ tokens, should fit in 0\.6 GB of memory a compute process, got [012] of 3; the others are computed twice$/,
      ),
    ]);
  });

  test('with which a micro-batch does not fit is refused with the numbers, by plan and run', async () => {
    const empty = new SmallRun('gradients.cutoff_len=2048');
    withMemory(500e6);
    const config = empty.config('gradients.token_budget=4096');
    const refusal =
      /^model: training must fit in 0\.5 GB of memory a compute process, got 0\.\d GB for \d+ rows of \d+ tokens \(process 0\.5 GB.*\); lower gradients\.token_budget, start fewer compute processes, or take a machine with more memory$/;
    for (const refused of [() => empty.scan(config), () => planRun(config, empty.dependencies, false, 'report')]) {
      const error: unknown = await refused().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(InvalidConfigError);
      expect((error as Error).message).toMatch(refusal);
    }
  });

  test('is planned with what each kind of work needs of a process', async () => {
    withMemory(4e9);
    const { memory } = await planRun(auto, run.dependencies, false, 'report');
    expect(memory).toMatchObject({ hostBytes: 4e9, tokenBudget: 8192, isPicked: true });
    expect(memory.batch.rowCount * memory.batch.tokenCount).toBeLessThanOrEqual(8192);
    expect(memory.works.map(({ work }) => work)).toEqual(['training', 'gradients']);
    for (const { totalBytes, bytes, recomputedLayerCount } of memory.works) {
      expect(totalBytes).toBe(Object.values(bytes).reduce((sum, part) => sum + part, 0));
      expect(recomputedLayerCount).toBe(0);
    }
  });
});
