import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { createTrainingCheckpoints } from '../../../activities/training/checkpoints.ts';
import type { TrainingState } from '../../../model/engine.ts';
import { LocalStore } from '../../../store/local-store.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-checkpoints-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folder: string;
let count = 0;
beforeEach(() => {
  folder = join(root, String(count++));
});

function stateAt(step: number): TrainingState {
  const values = (offset: number) => [Float32Array.of(step + offset, 0.1, -0), Float32Array.of(1e-30 * step)];
  return { parameters: values(0), optimizer: { step, first: values(1), second: values(2) } };
}

const LOSSES = [{ learningRate: 0.1, loss: 1 / 3, gradientNorm: 2.5 }];

function open() {
  const store = new LocalStore(folder);
  return { store, checkpoints: createTrainingCheckpoints(store, 'warmup', 'a'.repeat(40), ['one', 'two']) };
}

describe('checkpoints of a training run', () => {
  test('there is none at first', async () => {
    expect(await open().checkpoints.latest()).toBeNull();
  });

  test('the newest one comes back bit for bit', async () => {
    const { checkpoints } = open();
    await checkpoints.save(stateAt(9), LOSSES);
    await checkpoints.save(stateAt(10), [...LOSSES, ...LOSSES]);
    expect(await open().checkpoints.latest()).toEqual({
      state: stateAt(10),
      losses: [...LOSSES, ...LOSSES],
      kept: [],
    });
  });

  test('parameters of earlier steps come back with it', async () => {
    const { checkpoints } = open();
    const kept = [3, 6].map((step) => ({ step, parameters: stateAt(step).parameters }));
    await checkpoints.save(stateAt(9), LOSSES, kept);
    expect(await open().checkpoints.latest()).toEqual({ state: stateAt(9), losses: LOSSES, kept });
  });

  test('a damaged one is passed over for the one before it', async () => {
    const { store, checkpoints } = open();
    await checkpoints.save(stateAt(9), LOSSES);
    await checkpoints.save(stateAt(10), LOSSES);
    const newest = (await store.list('checkpoints')).at(-1)!;
    writeFileSync(join(folder, newest), 'half');
    expect((await open().checkpoints.latest())?.state).toEqual(stateAt(9));
  });

  test('two are kept, older ones go', async () => {
    const { store, checkpoints } = open();
    for (let step = 1; step <= 5; step += 1) await checkpoints.save(stateAt(step), LOSSES);
    const kept = (await store.list('checkpoints')).map((key) => /step-(\d+)/.exec(key)?.[1]);
    expect(kept).toEqual(['00000004', '00000005']);
  });
});
