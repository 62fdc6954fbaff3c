// Models and examples of random numbers, in several sizes.
import * as tf from '@tensorflow/tfjs';
import type { LoadedModel } from '../model/tensorflow/load-model.ts';
import { parseArchitecture } from '../model/architectures/read-architecture.ts';
import { weightShapes } from '../model/weight-shapes.ts';
import { Weights } from '../model/tensorflow/weights.ts';
import type { TokenExample } from '../model/engine.ts';

/** Sizes of a benchmark model: decoder, tokens of an example, image vectors among them. */
export interface BenchModel {
  hidden: number;
  layers: number;
  heads: number;
  keyValueHeads: number;
  intermediate: number;
  vocabulary: number;
  tokenCount: number;
  imageTokenCount: number;
  loraRank: number;
}

export const SMALL: BenchModel = {
  hidden: 128,
  layers: 4,
  heads: 4,
  keyValueHeads: 2,
  intermediate: 352,
  vocabulary: 512,
  tokenCount: 64,
  imageTokenCount: 16,
  loraRank: 8,
};
export const MEDIUM: BenchModel = {
  hidden: 512,
  layers: 8,
  heads: 8,
  keyValueHeads: 4,
  intermediate: 1408,
  vocabulary: 4096,
  tokenCount: 256,
  imageTokenCount: 64,
  loraRank: 8,
};

/** A model with normal random weights, of the active engine. */
export function randomModel(size: BenchModel): LoadedModel {
  const config = parseArchitecture({
    model_type: 'llava',
    image_token_index: 4,
    vision_config: {
      hidden_size: 64,
      intermediate_size: 128,
      num_hidden_layers: 1,
      num_attention_heads: 4,
      image_size: 14 * Math.sqrt(size.imageTokenCount),
      patch_size: 14,
    },
    text_config: {
      hidden_size: size.hidden,
      num_hidden_layers: size.layers,
      num_attention_heads: size.heads,
      num_key_value_heads: size.keyValueHeads,
      intermediate_size: size.intermediate,
      vocab_size: size.vocabulary,
    },
  });
  const tensors = new Map<string, tf.Tensor>();
  let seed = 1;
  for (const [name, shape] of weightShapes(config))
    tensors.set(name, tf.randomNormal(shape, 0, 0.05, 'float32', seed++));
  return { folder: '', config, weights: new Weights(tensors) };
}

/** An example of full length with random tokens, the last `answerCount` of them supervised. */
export function randomExample(size: BenchModel, seed: number, answerCount = 16): TokenExample {
  const ids = Int32Array.from({ length: size.tokenCount }, (_, token) =>
    token > 0 && token <= size.imageTokenCount ? 4 : 5 + ((token * 7919 + seed * 104729) % (size.vocabulary - 5)),
  );
  const labels = Int32Array.from(ids, (id, token) => (token >= size.tokenCount - answerCount ? id : -100));
  const features = [
    Float32Array.from({ length: size.imageTokenCount * size.hidden }, (_, place) => Math.sin(place * 0.37 + seed)),
  ];
  return { ids, labels, features };
}
