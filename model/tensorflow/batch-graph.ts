// The decoder's work on a micro-batch as a graph: when it is one, and what goes in.
import * as tf from '@tensorflow/tfjs';
import type { TextConfig } from '../architectures/architecture.ts';
import type { TokenExample } from '../engine.ts';
import { MAX_ATTENTION_TABLE, MAX_GRAPH_VALUES, MAX_LOGITS } from '../memory/bounds.ts';
import { mergePair } from './adapter-tensors.ts';
import type { Adapter, LoraPair } from './adapter-tensors.ts';
import { causalValues, rotaryValues } from './attention-tables.ts';
import type { PositionTables } from './attention-tables.ts';
import { Decoder } from './decoder.ts';
import { nativeCpu } from './graphs/binding.ts';
import { Graph } from './graphs/graph.ts';
import type { GraphInput, InputShape } from './graphs/graph.ts';
import type { Sizes } from './graphs/sizes.ts';
import type { LoadedModel } from './load-model.ts';
import { embedPlaces, embeddingPlaces, pictureValues } from './micro-batch.ts';
import type { BatchShape, SupervisedPositions } from './micro-batch.ts';
import type { Weights } from './weights.ts';

/** What of a micro-batch is computed in a graph, at one place of it. */
export interface BatchTensors {
  decoder: Decoder;
  shape: BatchShape;
  /** `[example · token, hidden]` */
  embedded: tf.Tensor2D;
  tables: PositionTables;
  /** `[position]` */
  wanted: tf.Tensor1D;
  targets: tf.Tensor1D;
  /** `[position, 1]` */
  weight: tf.Tensor2D;
}

/**
 * Whether a micro-batch goes through a graph: on the native library's CPU, with an adapter that is merged, where all
 * that a forward pass keeps is small, so that nothing needs to be computed again or in pieces. Beside the engine it
 * follows from shapes alone, since it decides over bits.
 */
export function takesGraph(
  { weights, config: { text } }: LoadedModel,
  adapter: Adapter | null,
  { exampleCount, tokenCount }: BatchShape,
  positionCount: number,
): boolean {
  if (nativeCpu() === null || positionCount === 0) return false;
  if (adapter !== null && !adapter.isMerged) return false;
  const table = exampleCount * text.headCount * tokenCount ** 2;
  if (table > MAX_ATTENTION_TABLE || positionCount * text.vocabularySize > MAX_LOGITS) return false;
  const rowValues = 8 * text.hiddenSize + 4 * text.intermediateSize;
  const keptValues = text.layerCount * (exampleCount * tokenCount * rowValues + table);
  return keptValues <= MAX_GRAPH_VALUES && weights.valueCount <= MAX_GRAPH_VALUES;
}

/** The graph of a name for an adapter's shapes, made once a model. */
export function batchGraph(
  name: string,
  { weights, config }: LoadedModel,
  adapter: Adapter | null,
  make: (batch: BatchTensors) => Record<string, tf.Tensor>,
): Graph {
  const pairs = adapter === null ? [] : [...adapter.pairs];
  const layout = pairs.map(([path, { a, scale }]) => `${path} ${a.shape[0]} ${scale}`).join('\n');
  return weights.graph(`${name}\n${layout}`, () => {
    const inputs = { ...batchInputs(config.text), ...adapterInputs(adapter) };
    return new Graph(nativeCpu()!, {
      sizes: ['example', 'token', 'position', 'vector'],
      inputs,
      make: (sizes, given) => make(batchTensors({ weights, config }, adapter, sizes, given)),
    });
  });
}

/** Runs a {@link batchGraph}. @param weight `[position]` */
export function runBatch(
  graph: Graph,
  { config }: LoadedModel,
  adapter: Adapter | null,
  examples: readonly TokenExample[],
  shape: BatchShape,
  { rows, targets }: SupervisedPositions,
  weight: Float32Array,
): ReturnType<Graph['run']> {
  const { hiddenSize } = config.text;
  const pictures = pictureValues(examples);
  const vectorCount = (pictures?.length ?? 0) / hiddenSize;
  // Without pictures one vector that nothing takes stands for them.
  const vectors = pictures ?? new Float32Array(hiddenSize);
  const { exampleCount: example, tokenCount: token } = shape;
  const sizes = { example, token, position: rows.length, vector: Math.max(1, vectorCount) };
  const values: Record<string, GraphInput> = {
    ...embeddingPlaces(config, examples, shape, vectorCount),
    ...rotaryValues(config.text, token),
    mask: causalValues(token, 0, token),
    vectors,
    wanted: rows,
    targets,
    weight,
  };
  for (const [path, { a, b }] of adapter?.pairs ?? []) Object.assign(values, { [`${path}.a`]: a, [`${path}.b`]: b });
  return graph.run(sizes, values);
}

function batchInputs({ hiddenSize, headDimension }: TextConfig): Record<string, InputShape> {
  return {
    ids: { shape: ['example', 'token'], type: 'int32' },
    source: { shape: ['example', 'token'], type: 'int32' },
    cosine: { shape: ['token', headDimension], type: 'float32' },
    sine: { shape: ['token', headDimension], type: 'float32' },
    mask: { shape: ['token', 'token'], type: 'float32' },
    vectors: { shape: ['vector', hiddenSize], type: 'float32' },
    wanted: { shape: ['position'], type: 'int32' },
    targets: { shape: ['position'], type: 'int32' },
    weight: { shape: ['position', 1], type: 'float32' },
  };
}

function adapterInputs(adapter: Adapter | null): Record<string, InputShape> {
  const inputs: Record<string, InputShape> = {};
  for (const [path, { a, b }] of adapter?.pairs ?? []) {
    inputs[`${path}.a`] = { shape: a.shape, type: 'float32' };
    inputs[`${path}.b`] = { shape: b.shape, type: 'float32' };
  }
  return inputs;
}

function batchTensors(
  { weights, config }: Pick<LoadedModel, 'weights' | 'config'>,
  adapter: Adapter | null,
  sizes: Sizes,
  inputs: Readonly<Record<string, tf.Tensor>>,
): BatchTensors {
  const { headCount, keyValueHeadCount } = config.text;
  const [exampleCount, tokenCount] = [sizes['example']!, sizes['token']!];
  const rows = (name: string): tf.Tensor1D => tf.reshape(inputs[name]!, [exampleCount * tokenCount]);
  const groupSize = headCount / keyValueHeadCount;
  const mask = tf.tile(inputs['mask']!, [groupSize, 1]);
  return {
    decoder: new Decoder(weights, config.text, adapter === null ? null : givenAdapter(weights, adapter, inputs)),
    shape: { exampleCount, tokenCount },
    embedded: embedPlaces(weights, rows('ids'), rows('source'), inputs['vectors'] as tf.Tensor2D),
    tables: {
      cosine: inputs['cosine'] as tf.Tensor2D,
      sine: inputs['sine'] as tf.Tensor2D,
      mask: tf.reshape(mask, [1, groupSize * tokenCount, tokenCount]),
    },
    wanted: inputs['wanted'] as tf.Tensor1D,
    targets: inputs['targets'] as tf.Tensor1D,
    weight: inputs['weight'] as tf.Tensor2D,
  };
}

/** The adapter with the graph's inputs in place of its tensors, merged there. */
function givenAdapter(weights: Weights, { pairs, ...adapter }: Adapter, inputs: Readonly<Record<string, tf.Tensor>>) {
  const given = new Map<string, LoraPair>();
  for (const [path, { scale }] of pairs) {
    const pair = { a: inputs[`${path}.a`] as tf.Tensor2D, b: inputs[`${path}.b`] as tf.Tensor2D, scale };
    given.set(path, { ...pair, merged: mergePair(weights, path, pair) });
  }
  return { ...adapter, pairs: given };
}
