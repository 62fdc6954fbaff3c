import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LARGE } from '../../../bench/large-model-folder.ts';
import type { ModelSizes } from '../../../bench/large-model-folder.ts';
import type { Peak, PeakCase } from '../../../bench/peak.ts';
import { totalBytes } from '../../../model/memory/memory-question.ts';
import { computeEnvironment } from '../../../workers/compute-environment.ts';

const SIZES: ModelSizes = {
  ...LARGE,
  hidden: 512,
  layers: 6,
  heads: 8,
  keyValueHeads: 4,
  intermediate: 1408,
  vocabulary: 8192,
  visionHidden: 384,
  visionLayers: 2,
  visionHeads: 6,
  visionIntermediate: 1536,
  imageSize: 224,
};
const CASE: PeakCase = { sizes: SIZES, work: 'gradients', rowCount: 1, tokenCount: 700, answerCount: 20, rank: 16 };

/** One micro-batch in a process with the environment of a compute process. */
async function peakOf(input: PeakCase, memoryBytes: number): Promise<Peak> {
  const program = join(import.meta.dirname, '../../../dist/bench/child-process.js');
  // The tests' own processes are without oneDNN, which brings an allocator of its own.
  const environment = { ...process.env, TF_ENABLE_ONEDNN_OPTS: '1' };
  const child = fork(program, ['peak', JSON.stringify(input)], {
    env: computeEnvironment({ index: 0, gpu: null, memoryBytes }, environment),
    execArgv: [],
    stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
  });
  const ended = once(child, 'exit');
  const answer = async (): Promise<{ result?: Peak; error?: string }> =>
    (await once(child, 'message'))[0] as { result?: Peak; error?: string };
  const ready = await answer();
  expect(ready.error).toBeUndefined();
  child.send('pass');
  const { result, error } = await answer();
  child.send('end');
  await ended;
  expect(error).toBeUndefined();
  return result!;
}

// What an allocator holds back differs from process to process: one of three must be as it mostly is.
describe('the counted memory is within a fifth of the most that a process has had', { retry: 2 }, () => {
  test.each<[string, PeakCase, number, number]>([
    ['one row', CASE, 64e9, 0],
    ['three rows', { ...CASE, rowCount: 3, tokenCount: 500, answerCount: 100 }, 64e9, 0],
    [
      'a training whose layers are computed again',
      { ...CASE, sizes: { ...SIZES, layers: 3 }, work: 'training', rank: 64 },
      1,
      3,
    ],
  ])('%s', async (_, input, memoryBytes, recomputed) => {
    const { count, peakBytes, recomputedLayerCount } = await peakOf(input, memoryBytes);
    expect(recomputedLayerCount).toBe(recomputed);
    const ratio = totalBytes(count) / peakBytes;
    expect(ratio, `${totalBytes(count)} of ${peakBytes}`).toBeGreaterThan(0.8);
    expect(ratio, `${totalBytes(count)} of ${peakBytes}`).toBeLessThan(1.2);
  });
});
