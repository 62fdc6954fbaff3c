// Greedy decoding of a micro-batch: the prompts in one pass, then a token of each example at a time.
import * as tf from '@tensorflow/tfjs';
import type { Adapter } from './adapter-tensors.ts';
import { lastAnswer } from '../engine.ts';
import type { GeneratedAnswer, GenerationSettings, TokenExample } from '../engine.ts';
import { headName } from './answer-loss.ts';
import { Decoder } from './decoder.ts';
import { KeyValueCache } from './key-value-cache.ts';
import type { LoadedModel } from './load-model.ts';
import { batchShape, embedExamples, embedPlaces, pictureTensor } from './micro-batch.ts';

/**
 * Answers of a micro-batch by greedy decoding with a cache of keys and values; of equal logits the first is taken.
 * `adapter` null asks the base model. Cost: one pass over the prompts and one over each token; examples that have ended
 * go on, unread, until the last one has.
 */
export function generateAnswers(
  model: LoadedModel,
  adapter: Adapter | null,
  examples: readonly TokenExample[],
  { mostTokens, stopsAtEnd }: GenerationSettings,
): GeneratedAnswer[] {
  const { weights, config } = model;
  const decoder = new Decoder(weights, config.text, adapter);
  const prompts = examples.map((example) => promptOf(example, config.imageTokenId, config.text.hiddenSize));
  const ends = examples.map((example) => (stopsAtEnd ? example.labels[lastAnswer(example.labels).end - 1]! : null));
  const cache = new KeyValueCache(prompts.map(({ ids }) => ids.length));
  const answers: number[][] = examples.map(() => []);
  const take = (next: ArrayLike<number>): boolean => {
    let goesOn = false;
    answers.forEach((answer, example) => {
      if (answer.length > 0 && answer.at(-1) === ends[example]) return;
      answer.push(next[example]!);
      if (next[example] !== ends[example]) goesOn = true;
    });
    return goesOn;
  };
  try {
    let next = firstTokens(model, decoder, cache, prompts);
    for (let count = 1; take(next) && count < mostTokens; count += 1) {
      const given = next;
      next = tf.tidy(() => {
        const ids = tf.tensor1d(given, 'int32');
        return likeliest(model, decoder, decoder.forwardBehind(cache, embedPlaces(weights, ids, ids, null)));
      });
    }
  } finally {
    cache.dispose();
  }
  return answers.map((ids, example) => {
    return { ids: Int32Array.from(ids), hasEnded: ids.at(-1) === ends[example], text: null };
  });
}

/** Everything before the last answer that is learned, with the pictures that stand there. */
function promptOf({ ids, labels, features }: TokenExample, imageTokenId: number, hiddenSize: number): TokenExample {
  const { start } = lastAnswer(labels);
  const prompt = ids.slice(0, start);
  let vectorCount = prompt.filter((id) => id === imageTokenId).length;
  const before = features.filter((feature) => {
    const isBefore = vectorCount > 0;
    vectorCount -= feature.length / hiddenSize;
    return isBefore;
  });
  return { ids: prompt, labels: labels.slice(0, start), features: before };
}

/** Reads the prompts into the cache. @returns `[example]` the likeliest token behind each */
function firstTokens(
  model: LoadedModel,
  decoder: Decoder,
  cache: KeyValueCache,
  prompts: readonly TokenExample[],
): Int32Array {
  const { weights, config } = model;
  const shape = batchShape(prompts);
  const last = Int32Array.from(prompts, ({ ids }, example) => example * shape.tokenCount + ids.length - 1);
  return tf.tidy(() => {
    const pictures = pictureTensor(prompts, config.text.hiddenSize);
    const embedded = embedExamples(weights, config, prompts, shape, pictures);
    return likeliest(model, decoder, decoder.forwardInto(cache, embedded, shape, last));
  });
}

/** `[example]` tokens of the largest logits of hidden states `[example, hidden]`. */
function likeliest({ weights }: LoadedModel, decoder: Decoder, hidden: tf.Tensor2D): Int32Array {
  const logits = weights.linear(decoder.finalNorm(hidden).normed, headName(weights));
  return tf.argMax(logits, -1).dataSync() as Int32Array;
}
