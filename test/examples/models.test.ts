import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { RunResult } from '../../contracts/messages/run.ts';
import { tive, useCluster } from '../client/in-process.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples/models');

const root = mkdtempSync(join(tmpdir(), 'tive-models-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const cluster = useCluster();

/** Tasks of the rows that each example's model is given. */
const SHAPES = ['name', 'sum', 'tell'];
const TALK = ['spell', 'sum'];

const MODELS: Record<string, string[]> = {
  'clip-full': SHAPES,
  'clip-full-adapter': SHAPES,
  idefics3: SHAPES,
  'llama-text': TALK,
  'qwen2-text': TALK,
  'siglip-qwen2': SHAPES,
  smolvlm: SHAPES,
};

test('every example is run here', () => {
  expect(readdirSync(EXAMPLES).sort()).toEqual(
    Object.keys(MODELS)
      .map((name) => `${name}.yaml`)
      .sort(),
  );
});

test.each(Object.entries(MODELS))(
  'the example %s runs to a selection',
  async (name, tasks) => {
    const recipe = join(EXAMPLES, `${name}.yaml`);
    const run = await tive(root, 'run', recipe, '--until', 'selection', '--address', cluster.address);
    expect(run.exitCode, run.stderr).toBe(0);
    const result = JSON.parse(readFileSync(join(root, 'runs', name, 'result.json'), 'utf8')) as RunResult;
    expect(result.dataset?.quarantined).toEqual([]);
    expect(result.values?.tasks.map(({ task }) => task).sort()).toEqual(tasks);
    for (const { value } of result.values!.tasks) expect(value).toBeGreaterThan(0);
    expect(result.methods[0]?.selection?.rowCount).toBe(8);
  },
  120_000,
);
