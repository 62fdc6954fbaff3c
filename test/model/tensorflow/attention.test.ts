import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadEngine } from '../../../model/load-engine.ts';
import { attend, attendBackward, openBlocks, queryBlockSize } from '../../../model/tensorflow/attention.ts';
import type { AttentionInput, QueryBlock } from '../../../model/tensorflow/attention.ts';
import { causalBlocks } from '../../../model/tensorflow/attention-tables.ts';

const [HEADS, GROUP, TOKENS, WIDTH] = [3, 2, 17, 8];

/** Of float32 sums over as many as 34 blocks, whose order differs; the processor's kernels decide how far. */
const SUMMED = { rtol: 1e-6, atol: 3e-6 };

beforeAll(async () => {
  await loadEngine('tensorflow');
});

/** Inputs and an upstream gradient, the same ones each time. */
function inputs(): { input: AttentionInput; dMixed: tf.Tensor3D } {
  const draw = (rows: number, seed: number): tf.Tensor3D =>
    tf.randomNormal([HEADS, rows, WIDTH], 0, 1, 'float32', seed);
  const input = { query: draw(GROUP * TOKENS, 1), key: draw(TOKENS, 2), value: draw(TOKENS, 3) };
  return { input, dMixed: draw(GROUP * TOKENS, 4) };
}

/** Mixed values and all gradients by the code under test. */
function results(blocks: readonly QueryBlock[]): Float32Array[] {
  const { input, dMixed } = inputs();
  const { mixed, table } = attend(input, blocks);
  const { dQuery, dKey, dValue } = attendBackward(dMixed, input, table, blocks);
  return [mixed, dQuery, dKey, dValue].map((tensor) => tensor.dataSync<'float32'>());
}

describe('rows of a block', () => {
  test('are all of them up to the bound, then as many as it holds, one at least', () => {
    expect(queryBlockSize(2, 10, 10, 200)).toBe(10);
    expect(queryBlockSize(2, 10, 10, 199)).toBe(9);
    expect(queryBlockSize(2, 10, 10, 1)).toBe(1);
  });

  test('cover every query once, in order, and see what the whole mask shows', () => {
    tf.tidy(() => {
      const whole = causalBlocks(HEADS, GROUP, TOKENS, Infinity);
      const blocks = causalBlocks(HEADS, GROUP, TOKENS, HEADS * TOKENS * 5);
      expect(blocks.map(({ start, end }) => [start, end])).toEqual([
        [0, 5], [5, 10], [10, 15], [15, 20], [20, 25], [25, 30], [30, 34],
      ]); // oxfmt-ignore
      const joined = tf.concat(blocks.map(({ mask }) => mask!), 1); // oxfmt-ignore
      expect(joined.dataSync()).toEqual(whole[0]!.mask!.dataSync());
    });
  });
});

describe('attention in blocks', () => {
  test.each([1, 5, 33])('of %i rows agrees with the whole table, gradients too, causal or open', (rows) => {
    tf.tidy(() => {
      for (const make of [
        (bound: number) => causalBlocks(HEADS, GROUP, TOKENS, bound),
        (bound: number) => openBlocks(HEADS, GROUP * TOKENS, TOKENS, bound),
      ]) {
        const whole = results(make(Infinity));
        const inBlocks = results(make(HEADS * TOKENS * rows));
        inBlocks.forEach((values, index) => expect(values).toBeAllclose(whole[index]!, SUMMED));
      }
    });
  });

  test('gives the gradients of automatic differentiation', () => {
    tf.tidy(() => {
      const { input, dMixed } = inputs();
      const blocks = causalBlocks(HEADS, GROUP, TOKENS, HEADS * TOKENS * 4);
      const { query, key, value } = input;
      const wanted = tf.grads((...given: tf.Tensor[]) => {
        const [q, k, v] = given as tf.Tensor3D[];
        return attend({ query: q!, key: k!, value: v! }, blocks).mixed;
      })([query, key, value], dMixed);
      const { dQuery, dKey, dValue } = attendBackward(dMixed, input, null, blocks);
      [dQuery, dKey, dValue].forEach((tensor, index) =>
        expect(tensor.dataSync()).toBeAllclose(wanted[index]!.dataSync(), { rtol: 0, atol: 2e-6 }),
      );
    });
  });

  test('leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => results(causalBlocks(HEADS, GROUP, TOKENS, HEADS * TOKENS * 4)));
    expect(tf.memory().numTensors).toBe(before);
  });
});
