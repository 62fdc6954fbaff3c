import { expect, test } from 'vitest';
import { adamDirection } from '../../algorithms/adam-preconditioner.ts';
import type { GradientMoments } from '../../algorithms/adam-preconditioner.ts';

const FLOAT32 = { rtol: 1e-7, atol: 0 };

const MOMENTS: GradientMoments = {
  beta1: 0.9,
  beta2: 0.999,
  first: Float32Array.of(9, 1, 0, 0, -2),
  second: Float32Array.of(0, 4, 0, 0, 1),
};

test('a gradient is scaled coordinate by coordinate as LESS scales it, and stays as it was', () => {
  const gradient = Float32Array.of(3, 0, 1, 0);
  expect(adamDirection(gradient, 1, MOMENTS)).toBeAllclose(
    [
      (0.9 * 1 + 0.1 * 3) / Math.sqrt(0.999 * 4 + 0.001 * 9 + 1e-8),
      0,
      0.1 / Math.sqrt(0.001 + 1e-8),
      (0.9 * -2) / Math.sqrt(0.999 + 1e-8),
    ],
    FLOAT32,
  );
  expect(gradient).toEqual(Float32Array.of(3, 0, 1, 0));
});

test('without moments a large gradient has length (1 − β₁) / √(1 − β₂) in each coordinate, a small one keeps its size', () => {
  const none = { ...MOMENTS, first: new Float32Array(2), second: new Float32Array(2) };
  const large = 0.1 / Math.sqrt(0.001);
  expect(adamDirection(Float32Array.of(1e6, -1e6), 0, none)).toBeAllclose([large, -large], FLOAT32);
  expect(adamDirection(Float32Array.of(1e-9, -1e-9), 0, none)).toBeAllclose([1e-6, -1e-6], { rtol: 1e-6, atol: 0 });
});

test('pieces of a gradient are scaled as the whole is', () => {
  const gradient = Float32Array.of(0.5, -1, 2, 0.25, 3);
  const whole = adamDirection(gradient, 0, MOMENTS);
  const parts = [adamDirection(gradient.subarray(0, 2), 0, MOMENTS), adamDirection(gradient.subarray(2), 2, MOMENTS)];
  expect(Float32Array.of(...parts[0]!, ...parts[1]!)).toEqual(whole);
});
