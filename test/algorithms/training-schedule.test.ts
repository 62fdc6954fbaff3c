import { describe, expect, test } from 'vitest';
import { checkpointSteps, stepCountOf, trainingSchedule } from '../../algorithms/training-schedule.ts';
import { warmupRowCount } from '../../algorithms/warmup-sample.ts';

const OPEN = { epochs: null, batchSize: null, learningRate: null };
const PAPER = { epochs: 1, batchSize: 128, learningRate: 2e-4 };

describe('trainingSchedule', () => {
  test('keeps the paper’s values at the paper’s size', () => {
    expect(trainingSchedule(warmupRowCount(665_298, 0.08), OPEN)).toEqual(PAPER);
    expect(trainingSchedule(Math.round(0.15 * 665_298), OPEN)).toEqual(PAPER);
  });

  // Rows, then batch size, epochs, rate: 4 · ⌈n / batch⌉ ≥ 100 for the largest batch, then the fewest epochs.
  test.each([
    [100_000, 128, 1, 2e-4],
    [51_200, 128, 1, 2e-4],
    [25_600, 128, 1, 2.8e-4],
    [12_800, 128, 1, 4e-4],
    [6_400, 128, 2, 4e-4],
    [3_200, 128, 4, 4e-4],
    [3_072, 64, 3, 3.3e-4],
    [1_000, 32, 4, 3.5e-4],
    [637, 16, 3, 3.7e-4],
    [48, 4, 4, 4e-4],
    [1, 4, 4, 4e-4],
    [0, 4, 4, 4e-4],
  ])('%i rows: steps of %i, %i epochs, rate %f', (rowCount, batchSize, epochs, learningRate) => {
    expect(trainingSchedule(rowCount, OPEN)).toEqual({ batchSize, epochs, learningRate });
  });

  test('gives 100 steps or more wherever four epochs in steps of four rows can, in as large steps as it can', () => {
    for (let rowCount = 0; rowCount < 20_000; rowCount += 7) {
      const schedule = trainingSchedule(rowCount, OPEN);
      const steps = stepCountOf(rowCount, schedule);
      if (rowCount > 96) expect(steps).toBeGreaterThanOrEqual(100);
      const doubled = { ...schedule, batchSize: 2 * schedule.batchSize, epochs: 4 };
      if (schedule.batchSize < 128) expect(stepCountOf(rowCount, doubled)).toBeLessThan(100);
      if (schedule.epochs > 1 && steps >= 100)
        expect(stepCountOf(rowCount, { ...schedule, epochs: schedule.epochs - 1 })).toBeLessThan(100);
    }
  });

  test('checkpoints are evenly spaced over the steps, end with them, and are all different', () => {
    expect([checkpointSteps(12, 4), checkpointSteps(10, 3), checkpointSteps(7, 1), checkpointSteps(9, 0)]).toEqual([
      [3, 6, 9, 12],
      [3, 7, 10],
      [7],
      [],
    ]);
    for (let steps = 1; steps < 40; steps += 1)
      for (let count = 1; count <= steps; count += 1) {
        const found = checkpointSteps(steps, count);
        expect(new Set(found).size).toBe(count);
        expect([found[0]! >= 1, found.at(-1)]).toEqual([true, steps]);
      }
    expect(() => checkpointSteps(3, 4)).toThrow(
      'warmup.trajectory: must be at most the 3 steps of the warm-up, got 4; lower it, or raise warmup.epochs',
    );
  });

  test('what the recipe says stays, and the rest follows from it', () => {
    const said = { epochs: 7, batchSize: 3, learningRate: 0.5 };
    expect(trainingSchedule(48, said)).toEqual(said);
    expect(trainingSchedule(1_000, { ...OPEN, batchSize: 128 })).toMatchObject({ batchSize: 128, epochs: 4 });
    expect(trainingSchedule(1_000, { ...OPEN, epochs: 1 })).toMatchObject({ batchSize: 8, epochs: 1 });
    expect(trainingSchedule(48, { ...OPEN, learningRate: 1 })).toEqual({ batchSize: 4, epochs: 4, learningRate: 1 });
  });
});
