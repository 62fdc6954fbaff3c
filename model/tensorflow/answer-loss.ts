// The loss of the answers, and its gradient at the hidden states.
import * as tf from '@tensorflow/tfjs';
import { MAX_LOGITS } from '../memory/bounds.ts';
import type { Decoder } from './decoder.ts';
import type { SupervisedPositions } from './micro-batch.ts';
import type { Weights } from './weights.ts';

/** What the head says about each supervised position. */
export interface AnswerLoss {
  /** Cross-entropy in nats `[position]`. */
  crossEntropy: Float32Array;
  /** ‖softmax − onehot‖₂ `[position]`. */
  error: Float32Array;
  /** 1 where the largest logit is the target's `[position]`. */
  correct: Uint8Array;
}

/** Name of the head's weight: the embedding where the two are tied. */
export function headName(weights: Weights): string {
  return weights.has('lm_head.weight') ? 'lm_head' : 'model.language_model.embed_tokens';
}

/**
 * Cross-entropy at the supervised positions, and its gradient with respect to the hidden states.
 *
 * dHidden = Σ_s weight_s · ∂CE_s/∂hidden; weight_s = 1/|M_i| gives the sum over examples of each one's mean loss,
 * weight_s = 1/Σ|M| the batch's mean over answer tokens.
 *
 * @param hidden `[position, hidden]` of the supervised rows, before the final norm
 * @param weight `[position]`, or null for no gradient
 * @returns dHidden `[position, hidden]`, which the caller disposes, null without weights
 */
export function answerLoss(
  weights: Weights,
  decoder: Decoder,
  hidden: tf.Tensor2D,
  positions: SupervisedPositions,
  weight: Float32Array | null,
): { loss: AnswerLoss; dHidden: tf.Tensor2D | null } {
  const count = positions.rows.length;
  const head = headName(weights);
  const vocabularySize = weights.get(`${head}.weight`).shape[0]!;
  const loss: AnswerLoss = {
    crossEntropy: new Float32Array(count),
    error: new Float32Array(count),
    correct: new Uint8Array(count),
  };
  const pieceSize = Math.max(1, Math.floor(MAX_LOGITS / vocabularySize));
  const pieces: tf.Tensor2D[] = [];
  for (let start = 0; start < count; start += pieceSize) {
    const end = Math.min(count, start + pieceSize);
    const piece = tf.tidy(() => headPiece(weights, head, decoder, hidden, positions, weight, start, end, loss) ?? []);
    if (piece instanceof tf.Tensor) pieces.push(piece as tf.Tensor2D);
  }
  if (weight === null) return { loss, dHidden: null };
  if (pieces.length === 1) return { loss, dHidden: pieces[0]! };
  const dHidden = tf.concat(pieces, 0);
  tf.dispose(pieces);
  return { loss, dHidden };
}

function headPiece(
  weights: Weights,
  head: string,
  decoder: Decoder,
  hidden: tf.Tensor2D,
  positions: SupervisedPositions,
  weight: Float32Array | null,
  start: number,
  end: number,
  loss: AnswerLoss,
): tf.Tensor2D | null {
  const targets = tf.tensor1d(positions.targets.subarray(start, end), 'int32');
  const { normed, cache } = decoder.finalNorm(tf.slice(hidden, [start, 0], [end - start, hidden.shape[1]]));
  // Each value of the vocabulary is formed and left in turn: at most three tables of logits are there at once.
  const logProbability = tf.tidy(() => {
    const logits = weights.linear(normed, head);
    loss.correct.set(tf.equal(tf.argMax(logits, -1), targets).dataSync(), start);
    return tf.logSoftmax(logits);
  });
  const difference = tf.tidy(() => {
    const target = tf.oneHot(targets, logProbability.shape[1]);
    tf.tidy(() => {
      loss.crossEntropy.set(tf.neg(tf.sum(tf.mul(logProbability, target), -1)).dataSync(), start);
    });
    return tf.sub(tf.exp(logProbability), target);
  });
  logProbability.dispose();
  tf.tidy(() => {
    loss.error.set(tf.sqrt(tf.sum(tf.square(difference), -1)).dataSync(), start);
  });
  if (weight === null) return null;
  const scale = tf.tensor2d(weight.subarray(start, end), [end - start, 1]);
  const dNormed = weights.linearBackward(tf.mul(difference, scale), head);
  return decoder.finalNormBackward(dNormed, cache);
}

/** What a graph gives of the answers: {@link AnswerLoss} as tensors, and the gradient of the weighted losses. */
export interface AnswerTensors {
  /** `[position]` each. */
  crossEntropy: tf.Tensor1D;
  error: tf.Tensor1D;
  correct: tf.Tensor1D;
  /** `[position, hidden]` */
  dHidden: tf.Tensor2D;
}

/** {@link answerLoss} of few positions in a graph, which frees tables of logits by itself. */
export function answerTensors(
  weights: Weights,
  decoder: Decoder,
  hidden: tf.Tensor2D,
  targets: tf.Tensor1D,
  weight: tf.Tensor2D,
): AnswerTensors {
  const head = headName(weights);
  const { normed, cache } = decoder.finalNorm(hidden);
  const logits = weights.linear(normed, head);
  const logProbability = tf.logSoftmax(logits);
  const target = tf.oneHot(targets, logProbability.shape[1]);
  const difference = tf.sub<tf.Tensor2D>(tf.exp(logProbability), target);
  return {
    crossEntropy: tf.neg(tf.sum<tf.Tensor1D>(tf.mul(logProbability, target), -1)),
    error: tf.sqrt(tf.sum<tf.Tensor1D>(tf.square(difference), -1)),
    correct: tf.equal(tf.argMax(logits, -1), targets),
    dHidden: decoder.finalNormBackward(weights.linearBackward(tf.mul(difference, weight), head), cache),
  };
}
