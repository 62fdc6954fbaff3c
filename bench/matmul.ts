// Bench of matrix products: what the engine reaches at best on this machine.
import * as tf from '@tensorflow/tfjs';
import { loadEngine } from '../model/load-engine.ts';
import { median, short } from './bench.ts';
import type { BenchLine } from './bench.ts';
import { timeTogether, withChildren } from './child.ts';
import type { BenchChild } from './child.ts';

const SIZE = 1024;
const PRODUCTS = 16;
const REPEATS = 7;

/** Floating-point operations of one step `multiply`, in GFLOP. */
const STEP_GFLOP = (PRODUCTS * 2 * SIZE ** 3) / 1e9;

/** Float32 products of square matrices: one process of one thread, then two at the same time. */
export async function* bench(): AsyncGenerator<BenchLine> {
  for (const count of [1, 2]) {
    const rates = await withChildren(count, 'matmul', null, async (children) => {
      await matmulRate(children);
      const found: number[] = [];
      for (let repeat = 0; repeat < REPEATS; repeat += 1) found.push(await matmulRate(children));
      return found;
    });
    const facts = [`${short(median(rates))} GFLOP/s, at most ${short(Math.max(...rates))}`, `${SIZE}² float32`];
    yield { name: `matmul ${count} × 1 thread`, facts };
  }
}

/** Rate of all processes together, in GFLOP/s. Their module needs the step `multiply`. */
export async function matmulRate(children: readonly BenchChild[]): Promise<number> {
  return (children.length * STEP_GFLOP) / ((await timeTogether(children, 'multiply')) / 1000);
}

/** The engine with two matrices in it. */
export async function prepare(): Promise<{ multiply: () => void }> {
  await loadEngine('auto');
  return { multiply: multiplyStep() };
}

/** The step `multiply`, for modules that take the machine's rate beside their own. */
export function multiplyStep(): () => void {
  const left = tf.randomNormal<tf.Rank.R2>([SIZE, SIZE], 0, 1, 'float32', 1);
  const right = tf.randomNormal<tf.Rank.R2>([SIZE, SIZE], 0, 1, 'float32', 2);
  return () => {
    for (let product = 0; product < PRODUCTS; product += 1)
      tf.tidy(() => tf.slice(tf.matMul(left, right), [0, 0], [1, 1]).dataSync());
  };
}
