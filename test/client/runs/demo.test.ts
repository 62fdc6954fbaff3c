import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { RunResult } from '../../../contracts/messages/run.ts';
import { tive } from '../in-process.ts';
import { tiveProcess } from '../tive-process.ts';
import type { Finished } from '../tive-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-demo-'));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** What the claims below do not need: rounds of training, test rows and width of sketches. */
const LESS = ['finetune.epochs=2', 'evaluation.max_rows=300', 'gradients.sketch=128'];

describe('the demo, whole', () => {
  let done: Finished;
  let result: RunResult;
  beforeAll(async () => {
    // As people run it.
    vi.stubEnv('TF_ENABLE_ONEDNN_OPTS', undefined);
    done = await tiveProcess(folder, 'demo', ...LESS, '--quiet');
    expect(done.exitCode, done.stderr).toBe(0);
    result = JSON.parse(readFileSync(join(folder, 'runs/demo/result.json'), 'utf8')) as RunResult;
  }, 600_000);

  test('ends with a verdict that names the task-balanced random choice, and the place of the report', () => {
    expect(done.stdout).toMatch(
      /^tive kept 1,194 of 7,960 usable rows .*a task-balanced random choice of the same size/,
    );
    expect(done.stdout).toContain('\nreport: runs/demo/report.html\n');
  });

  test('sets exactly the planted defects aside', () => {
    expect(result.dataset).toMatchObject({ rowCount: 7968, usableCount: 7960, shardCount: 15 });
    expect(result.dataset!.quarantined.map(({ reason, count }) => `${count} ${reason}`)).toEqual([
      '2 image_type_unsupported',
      '1 answer_empty',
      '1 conversations_missing',
      '1 image_missing',
      '1 image_truncated',
      '1 image_type_html',
      '1 role_order',
    ]);
  });

  test('the base model knows little, and each choice of 15 % teaches it much', () => {
    expect(result.baseEvaluation!.macroAccuracy).toBeLessThan(0.15);
    expect(result.methods.map(({ method }) => method)).toEqual(['tive', 'random', 'task_balanced']);
    for (const { evaluation, selection } of result.methods) {
      expect(selection!.rowCount).toBe(1194);
      expect(evaluation!.macroAccuracy).toBeGreaterThan(0.35);
    }
  });

  test('TIVE gives the task with long answers few rows, as its mean-loss gradients are small', () => {
    const quota = (method: string) =>
      result.methods
        .find((one) => one.method === method)!
        .allocation.tasks.find(({ task }) => task === 'scene_caption')!.quota;
    expect(quota('tive')).toBeLessThan(quota('task_balanced'));
  });

  test('exports its rows byte for byte', async () => {
    const exported = await tive(folder, 'export', 'demo');
    expect(exported.stdout).toBe('runs/demo/export/llava.json  1,194 rows\n');
    expect(JSON.parse(readFileSync(join(folder, 'runs/demo/export/llava.json'), 'utf8'))).toHaveLength(1194);
  });
});
