import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { MEMORY_VARIABLE } from '../../contracts/memory-variable.ts';
import { modelFolder } from '../client/small-dataset.ts';
import { tiveProcess } from '../client/tive-process.ts';
import { startServer } from '../operations/live.ts';
import { Component } from './component.ts';
import { limitMemory } from './memory-limit.ts';

const TIMEOUT_MS = 300_000;

/**
 * Enough to load the model, too little for 32 rows of 1,000 tokens at once. The node is told of more memory than it
 * has, as an operator's mistake may tell it; otherwise the run would be refused before any work.
 */
const LIMIT_BYTES = 0.8e9;
const SAID_BYTES = 64e9;
const ROW_COUNT = 32;

function writeLongRows(folder: string): void {
  const rows = Array.from({ length: ROW_COUNT }, (_, id) => ({
    id,
    dataset: 'long',
    conversations: [
      { from: 'human', value: 'Count.' },
      { from: 'gpt', value: Array.from({ length: 1200 }, (__, word) => (word + id) % 10).join(' ') },
    ],
  }));
  writeFileSync(join(folder, 'train.json'), JSON.stringify(rows));
  const adapter = join(modelFolder, '../adapter');
  writeFileSync(
    join(folder, 'recipe.yaml'),
    `run: { name: long }
model: { path: ${modelFolder}, adapter: ${adapter} }
dataset: { path: train.json, max_quarantined_fraction: 1 }
gradients: { cutoff_len: 1024, sketch: 64, token_budget: 40000 }
`,
  );
}

test(
  'compute processes that the kernel kills for memory: told, tried again, then refused with the micro-batch and the remedy',
  { timeout: TIMEOUT_MS },
  async ({ skip }) => {
    const folder = mkdtempSync(join(tmpdir(), 'tive-memory-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const limit = limitMemory(LIMIT_BYTES);
    if (typeof limit === 'string') return skip(limit);
    onTestFinished(() => limit.close());
    const { server, refusal } = await startServer(folder);
    if (server === null) return skip(refusal);
    onTestFinished(() => server.stop());
    writeLongRows(folder);
    const { address } = server;
    const worker = (
      name: string,
      prefix: readonly string[],
      said: Record<string, string>,
      ...args: string[]
    ): Component => {
      const arguments_ = ['worker', ...args, '--address', address];
      const component = new Component(join(folder, name), name, arguments_, said, prefix);
      component.start();
      onTestFinished(() => component.stop());
      return component;
    };
    worker('control', [], {}, 'control');
    const said = { [MEMORY_VARIABLE]: String(SAID_BYTES) };
    const node = worker('node', limit.prefix, said, 'compute', '--processes', '1');

    const run = ['run', 'recipe.yaml', '--until', 'gradients', '--heartbeat-timeout', '3', '--address', address];
    const { exitCode, stderr } = await tiveProcess(folder, ...run);
    expect(exitCode, stderr).toBe(1);
    expect(stderr).toMatch(
      /gradients: shard 1 of 1 must get further within 5 attempts, got none since attempt 1 at 0 of 0 \(micro-batch 0: 32 rows padded to 1024 tokens\); .* lower gradients\.token_budget/,
    );
    const kills = node.log().match(/ended \(SIGKILL: out of memory\)/g) ?? [];
    expect(kills.length, node.log()).toBeGreaterThanOrEqual(6);

    const smaller = await tiveProcess(folder, ...run, 'gradients.token_budget=2048');
    expect(smaller.exitCode, smaller.stderr).toBe(0);
  },
);
