import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunPlan } from '../../../contracts/plan.ts';
import { USABLE_ROWS, writeSmallDataset } from '../small-dataset.ts';
import { tive, useCluster } from '../in-process.ts';
import type { Finished } from '../tive-process.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-plan-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeAll(() => writeSmallDataset(root));

const cluster = useCluster();

const planOf = async (...words: string[]): Promise<RunPlan> => {
  const { stdout, stderr, exitCode } = await tive(root, 'plan', 'recipe.yaml', ...words, '--json');
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout) as RunPlan;
};
const run = (...words: string[]): Promise<Finished> =>
  tive(root, 'run', 'recipe.yaml', ...words, '--address', cluster.address);
const stageOf = (plan: RunPlan, name: string) => plan.stages.find(({ stage }) => stage === name)!;

test('before a run, a plan counts rows, estimates the rest, times a probe and starts nothing', async () => {
  const plan = await planOf();
  expect(plan).toMatchObject({
    rowCount: 59,
    usableCount: USABLE_ROWS,
    isCounted: false,
    quotas: null,
    warnings: [],
  });
  expect(plan.sampledReasons).toEqual({ answer_empty: 1, answer_missing: 1, image_missing: 1 });
  expect(plan.memory.parameterCount).toBe(442_336);
  expect(plan.probe).toMatchObject({ rowCount: 8, engine: expect.stringMatching(/^tensorflow .* on cpu$/) as string });
  expect(plan.probe!.secondsPerToken).toBeGreaterThan(0);
  expect(stageOf(plan, 'gradients')).toMatchObject({ rowCount: 56, partCount: 7, unit: 'shards', isCached: false });
  expect(stageOf(plan, 'gradients').diskBytes).toBe(56 * (64 * 4 + 128));
  expect(stageOf(plan, 'warmup')).toMatchObject({ rowCount: 17, partCount: 4 * 5, unit: 'steps' });
  expect(stageOf(plan, 'finetune')).toMatchObject({ rowCount: 8, partCount: 2 * 4 * 2 });
  expect(stageOf(plan, 'gradients').seconds).toBeGreaterThan(0);
  expect(existsSync(join(root, 'tive-store/artifacts')) || existsSync(join(root, 'runs'))).toBe(false);
}, 60_000);

test('after a run, a plan knows what is cached, and the quotas of another budget', async () => {
  expect((await run('--until', 'values', '--quiet')).exitCode).toBe(0);
  const plan = await planOf('allocation.budget_fraction=0.5', '--no-probe');
  expect(plan).toMatchObject({ usableCount: USABLE_ROWS, isCounted: true, probe: null, sampledReasons: {} });
  for (const stage of ['dataset', 'warmup', 'gradients', 'values']) expect(stageOf(plan, stage).isCached).toBe(true);
  expect(plan.quotas!.reduce((sum, { quota }) => sum + quota, 0)).toBe(28);
  const ofAll = await planOf('allocation.budget_fraction=0.5', 'allocation.budget_base=all', '--no-probe');
  expect(stageOf(ofAll, 'selection').rowCount).toBe(30);
  expect(ofAll.quotas!.reduce((sum, { quota }) => sum + quota, 0)).toBe(30);
  const other = await planOf('gradients.sketch=32', '--no-probe');
  expect([stageOf(other, 'warmup').isCached, stageOf(other, 'gradients').isCached]).toEqual([true, false]);
  const { stdout } = await tive(root, 'run', 'recipe.yaml', '--dry-run', '--quiet');
  expect(stdout).toMatch(/^run small: 59 rows, 56 usable, [\d,]+ tokens\n/);
  expect(stdout).toMatch(/\ngradients +56 +7 shards +[\d.]+ kB +cached\n/);
}, 120_000);

test('what a run would refuse, a plan refuses', async () => {
  const refused = await tive(root, 'plan', 'recipe.yaml', 'warmup.lora_rank=4000', '--quiet');
  expect(refused).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(
      /^warmup\.lora_rank: must be at most 96, the smaller dimension of q_proj, got 4000/,
    ) as string,
  });
  writeFileSync(join(root, 'object.json'), JSON.stringify({ data: [{ id: 1 }] }, null, 2));
  expect(await tive(root, 'plan', 'recipe.yaml', 'dataset.path=object.json', '--quiet')).toMatchObject({
    exitCode: 2,
    stderr: `dataset: at least one usable row must remain, got 0 of 7 (7 json_syntax); a file that begins with { must hold a row a line\n`,
  });
}, 60_000);
