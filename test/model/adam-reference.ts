// Moments for tests of scaled gradients, and the slow way to scale by them.
import { gradientLayout } from '../../model/adapter.ts';
import type { AdapterValues } from '../../model/adapter.ts';
import type { AdamMoments } from '../../model/engine.ts';

/**
 * How near scaled gradients of an engine, of order 1, are to those of torch's golden ones, so that two engines are
 * within twice of it. A difference of 5e-7 in g, which processors differ by, grows by up to (1 − β₁) / √1e-8 = 1000
 * where there are no moments yet.
 */
export const SCALED = 5e-4;

/** Moments beside gradients of about `scale`, as a training leaves them; every seventh coordinate has none yet. */
export function momentsFor({ parameters }: AdapterValues, scale: number): AdamMoments {
  const root = (place: number, index: number): number =>
    place % 7 === 0 ? 0 : scale * Math.abs(Math.cos(place * (index + 1)));
  const all = (value: (place: number, index: number) => number): Float32Array[] =>
    parameters.map(({ values }, index) => values.map((_, place) => value(place, index)));
  return {
    beta1: 0.9,
    beta2: 0.999,
    first: all((place, index) => Math.sin(place + index) * root(place, index)),
    second: all((place, index) => root(place, index) ** 2),
  };
}

/** (β₁m + (1−β₁)g) / √(β₂v + (1−β₂)g² + 1e-8) of a whole gradient vector, in float64. */
export function slowlyScaled(gradient: Float32Array, adapter: AdapterValues, moments: AdamMoments): Float64Array {
  const { beta1, beta2, first, second } = moments;
  const scaled = new Float64Array(gradient.length);
  for (const { name, start } of gradientLayout(adapter).places) {
    const index = adapter.parameters.findIndex((parameter) => parameter.name === name);
    for (const [place, mean] of first[index]!.entries()) {
      const g = gradient[start + place]!;
      const square = beta2 * second[index]![place]! + (1 - beta2) * g ** 2;
      scaled[start + place] = (beta1 * mean + (1 - beta1) * g) / Math.sqrt(square + 1e-8);
    }
  }
  return scaled;
}
