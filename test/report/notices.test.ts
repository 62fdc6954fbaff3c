import { describe, expect, test } from 'vitest';
import type { RunSummary } from '../../contracts/summary.ts';
import { notices } from '../../report/notices.ts';
import { instanceValueText } from '../../report/instance-value-chart.ts';
import { demoSummary } from './demo-summary.ts';

const texts = (changes: Partial<RunSummary>): string[] =>
  notices({ ...quiet(), ...changes }).map((text) => text.replaceAll('\u00a0', ' '));

/** A run with nothing to warn about. */
function quiet(): RunSummary {
  const summary = demoSummary();
  return { ...summary, quarantine: [], tasks: summary.tasks.map((task) => ({ ...task, effectiveShare: 0.95 })) };
}

describe('notices', () => {
  test('a run with nothing to warn about has none', () => {
    expect(texts({})).toEqual([]);
  });

  test('quarantined rows are counted with their reasons', () => {
    const { quarantine } = demoSummary();
    expect(texts({ quarantine: quarantine.slice(0, 2) })).toEqual([
      '3 rows of 7,968 (< 0.1 %) could not be used and were set aside: 2 image_type_unsupported, 1 answer_empty.',
    ]);
  });

  test('a task whose quota was cut to its rows is named', () => {
    const tasks = quiet().tasks.map((task) =>
      task.task === 'scene_caption' ? { ...task, ideal: 200.4, quota: 160 } : task,
    );
    expect(texts({ tasks })).toEqual([
      '1 task had fewer rows than the quota asked for; all were taken and the rest went to other tasks: scene_caption (wanted 200, has 160).',
    ]);
  });

  test('repeated rows are named', () => {
    const tasks = quiet().tasks.map((task) =>
      task.task === 'scene_caption' ? { ...task, selectedCount: 160, copyCount: 320 } : task,
    );
    expect(texts({ tasks })).toEqual(['Rows were repeated to fill the quota of 1 task: scene_caption (320 from 160).']);
  });

  test('what the default lambda does is explained among the values, and no warning', () => {
    const { tasks } = demoSummary();
    expect(texts({ tasks })).toEqual([]);
    expect(instanceValueText(demoSummary())).toContain('lambda 3, and the effective share is at least 97.5\u00a0% of');
    const balanced = { ...demoSummary(), selection: { ...demoSummary().selection, method: 'task_balanced' as const } };
    expect(instanceValueText(balanced)).toContain('does not read them');
  });

  test('equal contents are counted', () => {
    expect(texts({ dataset: { ...quiet().dataset, duplicateCount: 1 } })).toEqual([
      'Rows with the content of another row: 1 (< 0.1 %); none was removed.',
    ]);
  });

  test('a fallback engine is told once, and not at all where the recipe chose it', () => {
    const { facts, config } = quiet();
    const wasm = { ...facts, engine: { ...facts.engine!, engine: 'wasm' } };
    const reason = 'engine: the tensorflow addon must load, got "module not found"; wasm is used, several times slower';
    expect(texts({ facts: wasm })).toEqual([expect.stringContaining('The wasm engine computed this run')]);
    expect(texts({ facts: wasm, warnings: [reason] })).toEqual([reason]);
    expect(texts({ facts: wasm, config: { ...config, model: { ...config.model, engine: 'wasm' } } })).toEqual([]);
  });
});
