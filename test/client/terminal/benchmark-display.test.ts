import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { benchmarkDisplay, doneShare } from '../../../client/terminal/benchmark-display.ts';
import type { BenchmarkStatus } from '../../../client/terminal/benchmark-display.ts';
import type { CellProgress } from '../../../contracts/messages/benchmark.ts';
import type { StageProgress, StageState } from '../../../contracts/messages/run.ts';
import { STAGES } from '../../../contracts/stages.ts';

const cell = (seed: number, state: CellProgress['state']): CellProgress => ({
  name: `seed-${seed}/15-percent/epochs`,
  workflowId: `tive-demo-benchmark/seed-${seed}/15-percent/epochs`,
  seed,
  trainingCount: 2,
  state,
  scores: state === 'done' ? [{ method: 'tive', macroAccuracy: 0.578 }] : [],
  startedAtMs: 0,
  durationMs: state === 'done' ? 41_000 : null,
});

/** Stages of a run until the evaluation: so many are done, the next is at work. */
const stages = (doneCount: number): StageProgress[] =>
  STAGES.map((stage, index) => {
    const state: StageState = stage === 'report' ? 'skipped' : index < doneCount ? 'done' : 'waiting';
    const own = index === doneCount ? 'running' : state;
    return { stage, state: own, detail: '', doneCount: 3, totalCount: 8, startedAtMs: 0, durationMs: null };
  });

const RUNNING: BenchmarkStatus = {
  cells: [cell(1, 'done'), cell(2, 'running'), cell(3, 'waiting'), cell(4, 'waiting')],
  stages: new Map([['seed-2/15-percent/epochs', stages(2)]]),
};

function streamOf(): { stream: NodeJS.WriteStream; text: () => string } {
  const stream = new PassThrough();
  let text = '';
  stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text };
}

test('the share that is done counts trainings, and a run at work by its stages', () => {
  // 2 of 8 trainings, and 2 of 8 stages of two more.
  expect(doneShare(RUNNING)).toBeCloseTo((2 + 0.5) / 8, 12);
  expect(doneShare({ ...RUNNING, stages: new Map() })).toBeCloseTo(2 / 8, 12);
  expect(doneShare({ cells: [cell(1, 'done')], stages: new Map() })).toBe(1);
});

test('where nobody looks each run that ends is a line, once', () => {
  const { stream, text } = streamOf();
  const show = benchmarkDisplay(stream, false);
  show(RUNNING);
  show(RUNNING);
  expect(text()).toBe('seed-1/15-percent/epochs: tive 57.8 %  41 s; 1 of 4 runs done\n');
});

test('a terminal shows what is done, what is at work and how far', () => {
  const { stream, text } = streamOf();
  benchmarkDisplay(stream, true)(RUNNING);
  expect(text()).toContain('✔ seed-1/15-percent/epochs: tive 57.8 %  41 s\n');
  expect(text()).toContain('seed-2/15-percent/epochs  gradients 3 of 8\n');
  expect(text()).toContain('  1 of 4 runs done\n');
});
