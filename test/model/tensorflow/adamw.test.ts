import { describe, expect, test } from 'vitest';
import { ADAMW_DEFAULTS } from '../../../model/engine.ts';
import type { AdamWSettings } from '../../../model/engine.ts';
import { clipGradients, globalNorm, initAdamW, updateAdamW } from '../../../model/tensorflow/adamw.ts';

/** The formula as the paper writes it, with plain numbers, for one parameter and its gradients of each step. */
function slowAdamW(
  start: number,
  slopes: number[],
  rates: number[],
  { beta1, beta2, epsilon, weightDecay }: AdamWSettings,
): number {
  let parameter = start;
  let mean = 0;
  let square = 0;
  slopes.forEach((slope, index) => {
    mean = beta1 * mean + (1 - beta1) * slope;
    square = beta2 * square + (1 - beta2) * slope ** 2;
    const correctedMean = mean / (1 - beta1 ** (index + 1));
    const correctedSquare = square / (1 - beta2 ** (index + 1));
    const rate = rates[index]!;
    parameter =
      parameter - rate * weightDecay * parameter - (rate * correctedMean) / (Math.sqrt(correctedSquare) + epsilon);
  });
  return parameter;
}

describe('AdamW', () => {
  const settings = { beta1: 0.5, beta2: 0.75, epsilon: 0, weightDecay: 0.5 };

  test('two steps are those worked out by hand', () => {
    const parameters = [Float32Array.of(1)];
    // m = 1, v = 1; corrected 2 and 4: p = 1 · (1 − 0.1 · 0.5) − 0.1 · 2/2
    const state = initAdamW(parameters);
    updateAdamW([Float32Array.of(2)], state, parameters, 0.1, settings);
    expect(parameters[0]!).toBeAllclose([0.85], { rtol: 1e-7, atol: 0 });
    expect(state).toEqual({ step: 1, first: [Float32Array.of(1)], second: [Float32Array.of(1)] });
    // m = 0.5 − 2, v = 0.75 + 4; corrected −1.5/0.75 and 4.75/0.4375
    updateAdamW([Float32Array.of(-4)], state, parameters, 0.2, settings);
    expect(state).toEqual({ step: 2, first: [Float32Array.of(-1.5)], second: [Float32Array.of(4.75)] });
    expect(parameters[0]!).toBeAllclose([0.85 * 0.9 + (0.2 * 2) / Math.sqrt(4.75 / 0.4375)], {
      rtol: 1e-6,
      atol: 0,
    });
  });

  test('many steps of several arrays follow the formula, one parameter at a time', () => {
    const own = { ...ADAMW_DEFAULTS, weightDecay: 0.01 };
    const slopes = Array.from({ length: 20 }, (_, step) => [
      Math.sin(step),
      10 * Math.cos(3 * step),
      1e-3 * (step - 8),
    ]);
    const rates = slopes.map((_, step) => 0.01 / (step + 1));
    const starts = [0.5, -2, 3];
    const parameters = [Float32Array.of(0.5, -2), Float32Array.of(3)];
    const state = initAdamW(parameters);
    slopes.forEach(([a, b, c], step) => {
      updateAdamW([Float32Array.of(a!, b!), Float32Array.of(c!)], state, parameters, rates[step]!, own);
    });
    const wanted = starts.map((start, index) =>
      slowAdamW(
        start,
        slopes.map((row) => row[index]!),
        rates,
        own,
      ),
    );
    expect([...parameters[0]!, ...parameters[1]!]).toBeAllclose(wanted, { rtol: 2e-6, atol: 0 });
    expect(state.step).toBe(20);
  });

  test('the gradients stay as they were', () => {
    const parameters = [Float32Array.of(1, 2)];
    const gradients = [Float32Array.of(3, 4)];
    updateAdamW(gradients, initAdamW(parameters), parameters, 0.1, settings);
    expect(gradients).toEqual([Float32Array.of(3, 4)]);
  });

  test('a gradient of zero moves nothing but by weight decay', () => {
    const parameters = [Float32Array.of(8)];
    const own = { ...ADAMW_DEFAULTS, weightDecay: 0.5 };
    updateAdamW([Float32Array.of(0)], initAdamW(parameters), parameters, 0.5, own);
    expect(parameters).toEqual([Float32Array.of(6)]);
  });
});

describe('clipping', () => {
  test('the norm is that of all arrays together', () => {
    expect(globalNorm([Float32Array.of(2, 3), Float32Array.of(6)])).toBe(7);
    expect(globalNorm([])).toBe(0);
    expect(globalNorm([Float32Array.of(1, NaN)])).toBeNaN();
  });

  test('gradients above the limit keep their direction and get its norm', () => {
    const gradients = [Float32Array.of(3), Float32Array.of(0, 4)];
    clipGradients(gradients, 5, 1);
    expect([...gradients[0]!, ...gradients[1]!]).toBeAllclose([0.6, 0, 0.8], { rtol: 1e-6, atol: 0 });
  });

  test('gradients below the limit keep their bits', () => {
    const gradients = [Float32Array.of(0.3, 0.4)];
    clipGradients(gradients, 0.5, 1);
    expect(gradients).toEqual([Float32Array.of(0.3, 0.4)]);
  });
});
