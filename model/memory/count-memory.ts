// Bytes that a process needs, counted from shapes.
import { sketchWidth } from '../../algorithms/projection.ts';
import type { EngineName } from '../../contracts/config.ts';
import { isAttention } from '../adapter.ts';
import type { LinearLayer } from '../weight-shapes.ts';
import { MAX_MERGED } from './bounds.ts';
import {
  attentionTable,
  backwardBytes,
  forwardBytes,
  headBytes,
  inputBytes,
  keptBytes,
  pictureBytes,
} from './layer-bytes.ts';
import type { MemoryCount, MemoryQuestion } from './memory-question.ts';
import { towerBytes, towerInputBytes } from './tower-bytes.ts';

/** Of a process that has its engine and no model, measured: Node and native library; Python and torch beside Node. */
const PROCESS_BYTES: Readonly<Record<EngineName, number>> = {
  tensorflow: 520e6,
  wasm: 200e6,
  cpu: 150e6,
  torch: 650e6,
};

/** Parts that allocators hold beside what is asked of them: of what comes and goes, not of the weights. */
const SLACK_SHARE = 0.2;

/** Weights on the wasm heap stand there twice, once transposed. */
const WASM_COPIES = 2;

/** What a process keeps of the projection: buckets and signs of coordinates, or signs of factors' longer sides. */
function projectionBytes(question: MemoryQuestion, { gradientLength, longestSide }: AdapterSizes): number {
  const { kind, sketch } = question.projection;
  if (kind === 'sparse') return gradientLength <= 2 ** 28 ? gradientLength * tableEntryBytes(question) : 0;
  // All widths together are four sketches: a byte a unit of the long side, a bucket a unit of the short one.
  if (kind === 'kron') return 4 * sketch * (longestSide + 4 * (question.adapter?.rank ?? 0));
  return 0;
}

/** Bytes of one coordinate in the table of buckets and signs; wide sketches and torch take four. */
function tableEntryBytes({ engine, projection }: MemoryQuestion): number {
  return engine === 'torch' || projection.sketch > 2 ** 15 ? 4 : 2;
}

/** Sizes of an adapter, in values. */
export interface AdapterSizes {
  parameterCount: number;
  /** Coordinates of a gradient: parameters of attention layers, or all where there are none. */
  gradientLength: number;
  /** Of the largest layer's pair. */
  largestPair: number;
  /** Longest input or output of an adapted layer. */
  longestSide: number;
}

/** Sizes of an adapter on so many linear layers. */
export function adapterSizes(layers: readonly LinearLayer[], adapter: MemoryQuestion['adapter']): AdapterSizes {
  if (adapter === null) return { parameterCount: 0, gradientLength: 0, largestPair: 0, longestSide: 0 };
  const adapted = layers.filter(({ target }) => adapter.targets.includes(target));
  const pairs = adapted.map(({ path, shape: [out, input] }) => ({ path, values: adapter.rank * (out + input) }));
  const sum = (some: typeof pairs): number => some.reduce((total, { values }) => total + values, 0);
  const attention = pairs.filter(({ path }) => isAttention(path));
  const parameterCount = sum(pairs);
  return {
    parameterCount,
    gradientLength: attention.length > 0 ? sum(attention) : parameterCount,
    largestPair: Math.max(0, ...pairs.map(({ values }) => values)),
    longestSide: Math.max(0, ...adapted.flatMap(({ shape }) => shape)),
  };
}

/**
 * Bytes by kind at the moment at which most is needed: the end of the forward pass with the head, or the layer that is
 * worked on in the backward pass; where pictures, videos or sounds need more in their tower than a micro-batch does,
 * theirs.
 */
export function countMemory(question: MemoryQuestion): MemoryCount {
  const { sizes, engine, valueBytes } = question;
  const weights = sizes.parameterCount * valueBytes * (engine === 'wasm' ? WASM_COPIES : 1);
  const decoder = question.work === 'scoring' ? scoringBytes(question) : passBytes(question);
  const shown = shownBytes(question);
  const tower = Math.max(pictureBytes(sizes, valueBytes), shown.tower);
  const decoderBytes = decoder.activations + decoder.attention + decoder.work;
  const largest = tower > decoderBytes ? { activations: 0, attention: 0, work: tower } : decoder;
  const adapter = adapterBytes(question);
  const moving = Math.max(tower, decoderBytes) + adapter.gradients;
  return {
    process: PROCESS_BYTES[engine],
    weights,
    ...largest,
    ...adapter,
    adapter: adapter.adapter + (1 + (question.checkpointCount ?? 0)) * mergedBytes(question),
    cache: question.cacheBytes,
    slack: Math.round(SLACK_SHARE * moving),
    ...(shown.pictures > 0 && { pictures: shown.pictures }),
    ...(shown.clips > 0 && { clips: shown.clips }),
  };
}

/** What a micro-batch's pictures, videos and sounds take, and what their towers form of them. */
function shownBytes({ sizes, batch, valueBytes }: MemoryQuestion): { pictures: number; clips: number; tower: number } {
  const { towers } = sizes;
  const { vectors } = batch;
  if (towers === undefined || vectors === undefined) return { pictures: 0, clips: 0, tower: 0 };
  return { ...towerInputBytes(towers, vectors), tower: towerBytes(towers, vectors, valueBytes) };
}

/** A scoring keeps nothing but the layer at work. */
function scoringBytes(question: MemoryQuestion): Pick<MemoryCount, 'activations' | 'attention' | 'work'> {
  const layer = keptBytes(question, false) + forwardBytes(question);
  return {
    activations: inputBytes(question),
    attention: attentionTable(question).formed,
    work: Math.max(layer, headBytes(question)),
  };
}

/** A forward and a backward pass. */
function passBytes(question: MemoryQuestion): Pick<MemoryCount, 'activations' | 'attention' | 'work'> {
  const { layerCount } = question.sizes;
  const recomputed = Math.min(question.recomputedLayerCount, layerCount);
  const kept = layerCount - recomputed;
  const table = attentionTable(question).kept;
  const atHead = {
    activations: recomputed * inputBytes(question) + keptOf(question, kept),
    attention: kept * table,
    work: Math.max(headBytes(question), backwardBytes(question)),
  };
  if (recomputed === 0) return atHead;
  // The last of the layers that are computed again, when all that were kept have gone.
  const again = {
    activations: recomputed * inputBytes(question) + keptBytes(question, kept === 0),
    attention: table,
    work: Math.max(forwardBytes(question), backwardBytes(question)),
  };
  return sumOf(again) > sumOf(atHead) ? again : atHead;
}

function keptOf(question: MemoryQuestion, layerCount: number): number {
  return layerCount === 0 ? 0 : (layerCount - 1) * keptBytes(question, false) + keptBytes(question, true);
}

function sumOf({ activations, attention, work }: Pick<MemoryCount, 'activations' | 'attention' | 'work'>): number {
  return activations + attention + work;
}

/** What an adapter takes: values, gradients, sketches, moments. float32 all of it. */
function adapterBytes(
  question: MemoryQuestion,
): Pick<MemoryCount, 'adapter' | 'gradients' | 'projection' | 'optimizer'> {
  const { work, engine, batch, projection, checkpointCount = 0 } = question;
  const sizes = adapterSizes(question.sizes.layers, question.adapter);
  const { parameterCount, gradientLength, largestPair } = sizes;
  const values = 4 * parameterCount;
  if (work === 'scoring') return { adapter: 2 * values, gradients: 0, projection: 0, optimizer: 0 };
  if (work === 'training') {
    // The start, the state, what the engine computes with and earlier states that are kept; three gradients: a step's
    // sum and two micro-batches'.
    return { adapter: (3 + checkpointCount) * values, gradients: 3 * values, projection: 0, optimizer: 2 * values };
  }
  const width = sketchWidth(projection, gradientLength);
  return {
    adapter: 2 * (1 + checkpointCount) * values,
    // A layer's products, and their copies here.
    gradients: (engine === 'torch' ? 4 : 8) * batch.rowCount * largestPair,
    projection: projectionBytes(question, sizes) + batch.rowCount * width * 12,
    // Here, and where the engine computes.
    optimizer: question.isPreconditioned === true ? 2 * 2 * values : 0,
  };
}

/** Copies of small adapted layers, merged with their adapter. */
function mergedBytes({ engine, sizes, adapter }: MemoryQuestion): number {
  if (adapter === null || engine === 'torch' || engine === 'wasm') return 0;
  const values = sizes.layers
    .filter(({ target }) => adapter.targets.includes(target))
    .reduce((sum, { shape: [out, input] }) => sum + out * input, 0);
  return values <= MAX_MERGED ? 4 * values : 0;
}
