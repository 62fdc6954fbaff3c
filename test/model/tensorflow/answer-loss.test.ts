import * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { readArchitecture } from '../../../model/architectures/read-architecture.ts';
import { loadEngine } from '../../../model/load-engine.ts';
import { answerLoss } from '../../../model/tensorflow/answer-loss.ts';
import { Decoder } from '../../../model/tensorflow/decoder.ts';
import { meanByExample } from '../../../model/tensorflow/example-gradients.ts';
import { Weights } from '../../../model/tensorflow/weights.ts';
import { SIX_DIGITS } from '../../algorithms/worked-example.ts';
import { GOLDEN } from '../golden.ts';

test('two answer tokens of known probabilities have the loss, perplexity and EL2N of the worked example', async () => {
  await loadEngine('tensorflow');
  const before = tf.memory().numTensors;
  // The norm makes unit vectors √2 times as long, its weight takes that back: logits are logarithms of probabilities.
  const head = [0.7, 0.25, 0.2, 0.5, 0.1, 0.25].map(Math.log);
  const weights = new Weights(
    new Map<string, tf.Tensor>([
      ['model.language_model.norm.weight', tf.fill([2], Math.SQRT1_2)],
      ['lm_head.weight', tf.tensor2d(head, [3, 2])],
    ]),
  );
  const hidden = tf.tensor2d([1, 0, 0, 1], [2, 2]);
  const { text } = await readArchitecture(`${GOLDEN}/model`);
  const decoder = new Decoder(weights, { ...text, rmsNormEpsilon: 0 }, null);
  const positions = {
    rows: Int32Array.of(0, 1),
    targets: Int32Array.of(0, 2),
    examples: Int32Array.of(0, 0),
    counts: Int32Array.of(2),
  };
  const { loss } = answerLoss(weights, decoder, hidden, positions, null);
  hidden.dispose();
  weights.dispose();
  expect(loss.crossEntropy).toBeAllclose([0.356675, 1.38629], SIX_DIGITS);
  expect(loss.error).toBeAllclose([0.374166, 0.935414], SIX_DIGITS);
  expect([...loss.correct]).toEqual([1, 0]);
  const [row] = meanByExample(loss.crossEntropy, loss.error, positions.examples, positions.counts);
  expect([row!.loss, Math.exp(row!.loss), row!.el2n]).toBeAllclose([0.871485, 2.39046, 0.65479], SIX_DIGITS);
  // The mean of the tokens' own perplexities is another number.
  const [one, other] = loss.crossEntropy.map(Math.exp);
  expect([(one! + other!) / 2]).toBeAllclose([2.71429], SIX_DIGITS);
  expect(tf.memory().numTensors).toBe(before);
});
