// RMSNorm, and its gradient as written by hand.
import * as tf from '@tensorflow/tfjs';

/** What the backward pass needs. */
export interface NormCache {
  /** x / rms(x) `[row, hidden]` */
  normalised: tf.Tensor2D;
  /** 1 / rms(x) `[row, 1]` */
  inverse: tf.Tensor2D;
}

/** x / sqrt(mean(x²) + ε) · weight over the last axis. @param weight `[hidden]` */
export function rmsNorm(x: tf.Tensor2D, weight: tf.Tensor, epsilon: number): { normed: tf.Tensor2D; cache: NormCache } {
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon)) as tf.Tensor2D;
  const normalised = tf.mul(x, inverse) as tf.Tensor2D;
  return { normed: tf.mul(normalised, weight), cache: { normalised, inverse } };
}

/** dx = inverse · (dx̂ − x̂ · mean(dx̂ · x̂)) with dx̂ = dy · weight. */
export function rmsNormBackward(dy: tf.Tensor2D, weight: tf.Tensor, { normalised, inverse }: NormCache): tf.Tensor2D {
  const dNormalised = tf.mul(dy, weight);
  const shared = tf.mean(tf.mul(dNormalised, normalised), -1, true);
  return tf.mul(inverse, tf.sub(dNormalised, tf.mul(normalised, shared)));
}
