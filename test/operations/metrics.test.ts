import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { METRICS } from '../../activities/shared/metrics.ts';
import { COMPUTE_QUEUE, CONTROL_QUEUE } from '../../contracts/queues.ts';
import { BAD_ROWS, USABLE_ROWS, writeSmallDataset } from '../client/small-dataset.ts';
import { tive } from '../client/in-process.ts';
import { startTive } from '../client/tive-process.ts';
import type { Finished } from '../client/tive-process.ts';
import { freePorts, startServer, terminate, untilPolled } from './live.ts';
import type { LiveServer } from './live.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-metrics-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let live: LiveServer;
/** What the two processes served when the run was over, and what the commands said. */
let control: string;
let compute: string;
let first: Finished;
let again: Finished;
let worker: Finished;

beforeAll(async () => {
  live = await startServer(folder);
  if (live.server === null) return;
  const { address } = live.server;
  const port = await freePorts(2);
  const runFolder = join(folder, 'run');
  mkdirSync(runFolder);
  writeSmallDataset(runFolder);
  const options = ['--address', address, '--processes', '1', '--metrics', `127.0.0.1:${port}`];
  const command = startTive(folder, 'worker', 'all', ...options);
  try {
    await Promise.all([untilPolled(address, CONTROL_QUEUE, 1), untilPolled(address, COMPUTE_QUEUE, 1)]);
    first = await tive(runFolder, 'run', 'recipe.yaml', '--address', address);
    again = await tive(runFolder, 'run', 'recipe.yaml', 'report.examples_per_task=1', '--address', address);
    control = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    compute = await (await fetch(`http://127.0.0.1:${port + 1}/metrics`)).text();
  } finally {
    worker = await terminate(command);
    await live.server.stop();
  }
}, 300_000);

beforeEach(({ skip }) => {
  if (live.refusal !== null) skip(live.refusal);
});

/** Sum of a metric's samples that have all the labels. */
function total(page: string, name: string, labels: Record<string, string> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return page
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

describe('a worker that serves runs', () => {
  test('does them, and ends with exit code 0 on SIGTERM', () => {
    expect(first.exitCode, first.stderr).toBe(0);
    expect(again.exitCode, again.stderr).toBe(0);
    expect(worker.exitCode, worker.stderr).toBe(0);
  });

  test('counts the rows of every stage in the process that works', () => {
    expect(total(compute, 'tive_rows_total', { stage: 'dataset' })).toBe(USABLE_ROWS + BAD_ROWS);
    expect(total(compute, 'tive_rows_total', { stage: 'gradients' })).toBe(USABLE_ROWS);
    expect(total(control, 'tive_rows_total', { stage: 'values' })).toBe(USABLE_ROWS);
    for (const stage of ['warmup', 'finetune', 'evaluation'])
      expect(total(compute, 'tive_rows_total', { stage }), stage).toBeGreaterThan(0);
  });

  test('counts shards, quarantined rows by reason, and the stages that the second run found', () => {
    expect(total(compute, 'tive_shards_total', { cached: 'false' })).toBeGreaterThan(1);
    expect(total(compute, 'tive_quarantined_rows_total', { stage: 'dataset' })).toBe(BAD_ROWS);
    expect(total(compute, 'tive_quarantined_rows_total', { reason: 'image_missing' })).toBe(1);
    for (const stage of ['dataset', 'warmup', 'gradients', 'finetune', 'evaluation'])
      expect(total(compute, 'tive_cache_hits_total', { stage }), stage).toBeGreaterThan(0);
    expect(total(control, 'tive_cache_hits_total', { stage: 'values' })).toBe(1);
  });

  test('shows the delay of the event loop, and no age of a checkpoint once nothing runs', () => {
    expect(total(compute, 'tive_event_loop_delay_p99_milliseconds')).toBeGreaterThan(0);
    expect(compute).toContain('tive_checkpoint_age_seconds{');
    expect(total(compute, 'tive_checkpoint_age_seconds')).toBe(0);
  });

  test('shows exactly the metrics that the code names and the operations guide explains', () => {
    const names = `${control}\n${compute}`.match(/^tive_[a-z0-9_]+(?=\{)/gm) ?? [];
    expect([...new Set(names)].sort()).toEqual(Object.keys(METRICS).sort());
    const guide = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
    for (const name of Object.keys(METRICS)) expect(guide).toContain(`\`${name}\``);
  });

  test('shows Temporal’s own metrics beside', () => {
    for (const page of [control, compute]) expect(page).toMatch(/^temporal_num_pollers\{/m);
  });

  test('logs JSON where there is no terminal, with run, stage, shard and attempt', () => {
    const lines = worker.stderr.trim().split('\n');
    const objects = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(objects).toContainEqual(
      expect.objectContaining({
        level: 'info',
        message: 'activity finished',
        activityType: 'computeGradientShard',
        run: 'small',
        stage: 'gradients',
        shard: 0,
        attempt: 1,
        process: 0,
        cached: false,
      }),
    );
  });
});
