import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { planRun } from '../../../activities/plan/plan-run.ts';
import type { Config } from '../../../contracts/config.ts';
import type { RunPlan } from '../../../contracts/plan.ts';
import { STAGES } from '../../../contracts/stages.ts';
import type { Stage } from '../../../contracts/stages.ts';
import { InvalidConfigError, InvalidDatasetError } from '../../../contracts/failures.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { USABLE_ROWS } from '../../client/small-dataset.ts';
import { SmallRun } from '../small-run.ts';

const run = new SmallRun('gradients.storage=float32');
/** A store that nothing has been written to. */
const empty = new SmallRun('gradients.storage=float32');

const planOf = (of: SmallRun, config: Config = of.config(), until: Stage = 'report'): Promise<RunPlan> =>
  planRun(config, of.dependencies, false, until);
const stageOf = ({ stages }: RunPlan, name: Stage) => stages.find(({ stage }) => stage === name)!;
const cachedOf = ({ stages }: RunPlan): Stage[] => stages.filter(({ isCached }) => isCached).map(({ stage }) => stage);

describe('the plan of a run', () => {
  test('before it, counts rows, estimates the rest from their texts, and writes nothing', async () => {
    const plan = await planOf(empty);
    expect(plan).toMatchObject({
      rowCount: 59,
      usableCount: USABLE_ROWS,
      isCounted: false,
      imageRowCount: 44,
      sampledReasons: { answer_empty: 1, answer_missing: 1, image_missing: 1 },
      quotas: null,
      probe: null,
      warnings: [],
    });
    expect(plan.checks).toEqual([
      expect.stringMatching(/^The warm-up has only 2 steps, of 100 wanted: .* What to do: raise warmup\.fraction/),
      expect.stringMatching(/^Each fine-tuning has only 2 steps, of 100 wanted: /),
    ]);
    expect(cachedOf(plan)).toEqual([]);
    expect(await empty.store.list('artifacts')).toEqual([]);
  });

  test('after its stages, knows them, what they have counted, and the quotas', async () => {
    const { tokenCount } = await run.scan(run.config());
    expect(cachedOf(await planOf(run))).toEqual(['dataset']);
    await run.tune(run.config());
    expect(cachedOf(await planOf(run))).toEqual(['dataset', 'warmup']);
    await run.estimate(run.config());
    const plan = await planOf(run, run.config('allocation.budget_fraction=0.5'));
    expect(cachedOf(plan)).toEqual(['dataset', 'warmup', 'gradients', 'values']);
    expect(plan).toMatchObject({
      rowCount: 59,
      usableCount: USABLE_ROWS,
      isCounted: true,
      sampledReasons: {},
      imageRowCount: 44,
      tokenCount,
    });
    expect(plan.quotas!.reduce((sum, { quota }) => sum + quota, 0)).toBe(28);
    expect(plan).not.toHaveProperty('copies');
  });

  test('counts the copies that may have changed pictures: the budget at most, then what quotas make', async () => {
    const settings = ['overflow=repeat', 'augment=pictures', 'weighting=equal', 'budget_rows=66'];
    const changed = (of: SmallRun) => of.config(...settings.map((setting) => `allocation.${setting}`));
    expect((await planOf(empty, changed(empty))).copies).toEqual({ mostCount: 66, taskCount: null });
    await run.estimate(run.config());
    // 22 rows of each task, of which there are 24, 20 and 12.
    expect((await planOf(run, changed(run))).copies).toEqual({ mostCount: 2 + 10, taskCount: 2 });
  });

  test('knows what another setting leaves of an earlier run', async () => {
    await run.estimate(run.config());
    const cachedWith = async (setting: string) => cachedOf(await planOf(run, run.config(setting)));
    expect(await cachedWith('selection.lambda=3')).toEqual(['dataset', 'warmup', 'gradients', 'values']);
    expect(await cachedWith('values.self_term=false')).toEqual(['dataset', 'warmup', 'gradients']);
    expect(await cachedWith('gradients.sketch=32')).toEqual(['dataset', 'warmup']);
    expect(await cachedWith('warmup.epochs=3')).toEqual(['dataset']);
    expect(await cachedWith('dataset.max_rows=30')).toEqual([]);
  });

  test('says what stages take: rows, steps, shards, bytes', async () => {
    const plan = await planOf(empty);
    expect(stageOf(plan, 'gradients')).toMatchObject({ rowCount: 56, partCount: 7, unit: 'shards' });
    expect(stageOf(plan, 'gradients').diskBytes).toBe(56 * (64 * 4 + 128));
    expect(stageOf(plan, 'warmup')).toMatchObject({ rowCount: 8, partCount: 2, unit: 'steps' });
    expect(stageOf(plan, 'finetune')).toMatchObject({ rowCount: 8, partCount: 2 * 2 });
    expect(stageOf(plan, 'gradients').seconds).toBeNull();
  });

  test('says what the model takes of the memory: four bytes a parameter', async () => {
    const { memory } = await planOf(empty);
    expect(memory).toMatchObject({ parameterCount: 442_336, weightBytes: 4 * 442_336 });
    expect(memory.hostBytes).toBeGreaterThan(memory.weightBytes);
    expect(memory.freeBytes).toBeGreaterThan(0);
  });

  test.each<Stage>(['dataset', 'gradients', 'selection', 'finetune', 'report'])(
    'until %s ends there',
    async (until) => {
      const { stages } = await planOf(empty, empty.config(), until);
      expect(stages.map(({ stage }) => stage)).toEqual(STAGES.slice(0, STAGES.indexOf(until) + 1));
    },
  );

  test('with a probe times some rows that can be read', async () => {
    const { probe, stages } = await planRun(empty.config(), empty.dependencies, true, 'gradients');
    expect(probe).toMatchObject({ rowCount: 8, engine: expect.stringMatching(/^tensorflow .* on cpu$/) as string });
    expect(probe!.secondsPerToken).toBeGreaterThan(0);
    expect(probe!.secondsPerImage).toBeGreaterThan(0);
    expect(stages.find(({ stage }) => stage === 'gradients')!.seconds).toBeGreaterThan(0);
  });

  test('warns of a store without room', async () => {
    class SmallStore extends LocalStore {
      override freeBytes(): Promise<number> {
        return Promise.resolve(5000);
      }
    }
    const openStore = (uri: string): LocalStore => new SmallStore(uri);
    const { warnings } = await planRun(empty.config(), { ...empty.dependencies, openStore }, false, 'report');
    expect(warnings).toEqual([expect.stringMatching(/^store: .* must be free, got .*; free space, or lower/)]);
  });
});

describe('a plan is refused', () => {
  test('for settings that do not fit the model', async () => {
    const refused = expect(planOf(empty, empty.config('warmup.lora_rank=4000'))).rejects;
    await refused.toThrow(
      new InvalidConfigError('warmup.lora_rank: must be at most 96, the smaller dimension of q_proj, got 4000'),
    );
  });

  test('for a projection of factors where their gradients are formed', async () => {
    const refused = expect(planOf(empty, empty.config('gradients.projection=kron'))).rejects;
    await refused.toThrow(/^gradients\.projection: kron needs model\.engine: torch, got TensorFlow/);
  });

  test('for too many bad rows', async () => {
    const config = empty.config('dataset.max_quarantined_fraction=0.01');
    const error = await planOf(empty, config).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidDatasetError);
    expect((error as Error).message).toMatch(
      /^dataset: quarantined share must be at most 0\.01, got 0\.0508 \(3 of 59/,
    );
  });

  test('for pictures that are not there, as the run would', async () => {
    const config = empty.config(`dataset.image_folder=${empty.folder}`);
    await expect(planOf(empty, config)).rejects.toThrow(
      /^dataset: quarantined share .* mostly image_missing\); .*image_folder/,
    );
  });

  test('for a list of excluded rows that names none of an earlier run’s', async () => {
    await run.scan(run.config());
    const place = join(run.folder, 'left-out.txt');
    writeFileSync(place, 'nobody\n');
    const config = run.config(`dataset.exclude_rows=${place}`);
    await expect(planOf(run, config)).rejects.toThrow('got 1 of 1 that no row has: "nobody"');
  });

  test('for an excluded task that an earlier run has not found', async () => {
    await run.scan(run.config());
    const config = run.config('dataset.exclude_tasks=[nome]');
    await expect(planOf(run, config)).rejects.toThrow('tasks must exist, got "nome"; known: name, sum, tell');
  });
});
