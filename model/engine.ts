// The seam: what an engine does for the product. Rows, plans, checkpoints, retries and tables stay on this side;
// tensors, the projection and the optimiser's state stay on the other. What crosses is sketches, scalars and
// checkpoints.
import type { ProjectionOptions } from '../algorithms/projection.ts';
import type { LoadedClip, SizedClip } from '../contracts/clips.ts';
import type { Dtype, TensorflowEngine } from '../contracts/config.ts';
import type { Reason } from '../contracts/reasons.ts';
import type { RowVectors } from '../contracts/tower-vectors.ts';
import type { AdapterValues } from './adapter.ts';
import type { ModelSizes } from './memory/model-sizes.ts';
import type { LinearLayer } from './weight-shapes.ts';

/** What computes the tensors, and everything of it that can change bits: part of the address of computed artifacts. */
export type EngineDescription = TensorflowDescription | TorchDescription;

/** TensorFlow.js on one of its backends. */
export interface TensorflowDescription {
  engine: TensorflowEngine;
  /** Version of the native TensorFlow library, or of tfjs for the engines without one. */
  libraryVersion: string;
  device: 'cpu' | 'gpu';
  /** Highest vector instruction set that the library may use. */
  instructionSet: string;
  oneDnn: boolean;
  /** Whether float32 matrix products may be rounded to TF32 (GPUs only). */
  tf32: boolean;
}

/** torch in a process of its own. */
export interface TorchDescription {
  engine: 'torch';
  /** Of the engine's own code: another one where the same rows may have other bits. */
  revision: number;
  /** Version of torch. */
  libraryVersion: string;
  /** Of what reads models and rows, and of what puts adapters on. */
  transformers: string;
  peft: string;
  device: 'cpu' | 'gpu';
  /** As the device calls itself. */
  deviceName: string;
  instructionSet: string;
  threadCount: number;
  dtype: Exclude<Dtype, 'auto'>;
  tf32: boolean;
}

/** A ready engine. There is one a process. */
export interface Engine {
  description: EngineDescription;
  /** Why a better engine was not taken, in words; null when the best one runs. */
  fallbackReason: string | null;
  /**
   * Loads a model folder in Hugging Face layout. The caller disposes it.
   * @param breathe awaited between tensors, so that heartbeats go out while a large model loads
   * @param recompute whether layers keep their inputs alone and are computed again in backward passes, for an engine
   * that does not decide so itself; changes no bits
   * @throws InvalidConfigError for a folder that is no model, or one that does not fit the memory
   */
  loadModel(folder: string, breathe?: () => Promise<void>, recompute?: boolean): Promise<EngineModel>;
  /**
   * What is known of a model folder without its weights.
   * @throws InvalidConfigError for a folder that is no model
   */
  describeModel(folder: string): Promise<ModelDescription>;
  /** Whether it computes no more, and another one must be loaded. */
  isLost(): boolean;
  dispose(): Promise<void>;
}

/** The decoder of a model, as adapters see it. */
export interface DecoderLayers {
  /** Path in memory, by which adapters name its layers. */
  path: string;
  /** Layer by layer, PEFT's order inside a layer. */
  layers: readonly LinearLayer[];
}

/** What is known of a model folder without its weights. */
export interface ModelDescription {
  decoder: DecoderLayers;
  parameterCount: number;
  /** What its memory follows from. */
  sizes: ModelSizes;
  /** The model's own processor, which makes its input of rows; null where rows come as tokens and vectors. */
  processor: RowProcessor | null;
}

/** Texts of a model's folder that decide how dialogues are written. */
export interface PromptTexts {
  chatTemplate: string | null;
  /** Ends an answer; empty where the folder names none. */
  eosToken: string;
  /** Texts of all named special tokens by their keys. */
  namedTokens: Readonly<Record<string, string>>;
  /** Texts of all special tokens but the picture's. */
  reservedTexts: readonly string[];
  /** Stands once for a picture in a text; null for a model of text. */
  imageToken: string | null;
  /** The same of a video and of a sound; null for a model without. */
  videoToken: string | null;
  audioToken: string | null;
}

/** A model's own way from rows to its input. */
export interface RowProcessor {
  texts: PromptTexts;
  /** Version of what it runs on: another one may give other tokens. */
  version: string;
  /** Rows in their order: their tokens, or why there are none. @param cutoffLen longest example in tokens */
  encode(rows: readonly SizedRow[], cutoffLen: number): Promise<(RowTokens | RowRefusal)[]>;
}

/** A part of a dialogue's text. */
export interface TextPiece {
  text: string;
  /** Whether it is an answer that is learned. */
  supervised: boolean;
}

/** A row as text, and the sizes of its pictures: all that decides its tokens. */
export interface SizedRow {
  pieces: readonly TextPiece[];
  pictures: readonly { width: number; height: number }[];
  /** Absent: none. */
  clips?: readonly SizedClip[];
}

/** Tokens of a row. */
export interface RowTokens {
  /** `[token]` */
  ids: Int32Array;
  /** `[token]`, −100 where there is no loss. */
  labels: Int32Array;
  imageTokenCount: number;
  supervisedTokenCount: number;
  /** Whether the end was cut at the longest length. */
  truncated: boolean;
  /** Of its pictures, videos and sounds in the model's towers; absent: it has none. */
  towerVectors?: RowVectors;
}

/** Why a row has no tokens. */
export interface RowRefusal {
  reason: Reason;
  detail: string;
}

/** A model that is ready to compute. Everything that it opens is disposed before it. */
export interface EngineModel {
  folder: string;
  decoder: DecoderLayers;
  /** @param breathe awaited while another process computes, so that heartbeats go out */
  whileWaiting(breathe: () => Promise<void>): void;
  /**
   * Null where rows go to the model's own processor with their pictures.
   * @param readPixels a picture as the vision tower takes it, by its name
   */
  openPictures: ((readPixels: (image: string) => Promise<Float32Array>) => PictureEncoder) | null;
  /**
   * Per-example gradients at an adapter.
   * @param moments each gradient is scaled by them before its projection: `algorithms/adam-preconditioner.ts`
   * @throws InvalidConfigError for moments with projection `kron`, which never forms a gradient
   */
  openGradients(adapter: AdapterValues, projection: ProjectionSettings, moments?: AdamMoments | null): GradientComputer;
  /** Training of an adapter, from the start or from a state that was saved. */
  openTraining(start: AdapterValues, settings: OptimizerSettings, resumed: TrainingState | null): Trainer;
  /** @param adapter null scores the base model */
  openScoring(adapter: AdapterValues | null): Scorer;
  dispose(): void;
}

/** Label of a position without a loss. */
export const IGNORED_LABEL = -100;

/** One example: tokens and vectors, or a row for the model's own processor. */
export type ModelExample = TokenExample | RowExample;

/** A row with its pictures, decoded. */
export interface RowExample {
  pieces: readonly TextPiece[];
  /** 8-bit RGB, `[height, width, 3]` row-major. */
  pictures: readonly { width: number; height: number; data: Uint8Array }[];
  /** Videos and sounds; absent: none. */
  clips?: readonly LoadedClip[];
  tokenCount: number;
  /** Tokens with a loss. */
  answerTokenCount: number;
  /** Longest example in tokens: what lies behind is cut. */
  cutoffLen: number;
}

/** Length of an example in tokens. */
export function tokenCountOf(example: ModelExample): number {
  return 'ids' in example ? example.ids.length : example.tokenCount;
}

/** Tokens of an example that have a loss. */
export function answerTokenCountOf(example: ModelExample): number {
  if (!('ids' in example)) return example.answerTokenCount;
  let count = 0;
  for (let token = 1; token < example.labels.length; token += 1)
    if (example.labels[token] !== IGNORED_LABEL) count += 1;
  return count;
}

/**
 * Tokens `[start, end)` of the last answer that is learned: those before its end have labels without a gap.
 * @param labels `[token]`, one of them at least not −100
 */
export function lastAnswer(labels: Int32Array): { start: number; end: number } {
  let end = labels.length;
  while (end > 0 && labels[end - 1] === IGNORED_LABEL) end -= 1;
  let start = end;
  while (start > 0 && labels[start - 1] !== IGNORED_LABEL) start -= 1;
  return { start, end };
}

/** One example as the prompt encoder gives it, with its pictures' vectors. */
export interface TokenExample {
  /** `[token]`; the image token stands once for every image vector. */
  ids: Int32Array;
  /** `[token]`, −100 where there is no loss. */
  labels: Int32Array;
  /** `[imageTokenCount, hidden]` of each picture, in order of appearance. */
  features: Float32Array[];
}

/** Pictures that are encoded together, in a fixed order: bits depend on a picture's place among them. */
export interface ImageScope {
  /** Name of the list, for the cache. */
  id: string;
  /** Every picture once, in the order of first use. */
  images: readonly string[];
}

/** Pictures' vectors, each encoded once within a memory bound. */
export interface PictureEncoder {
  /** Bytes of the vectors that are kept. */
  readonly byteCount: number;
  /** Vectors `[imageTokenCount, hidden]` of the wanted pictures, in their order. */
  get(scope: ImageScope, wanted: readonly string[]): Promise<Float32Array[]>;
}

/** How a gradient is projected; `sketch` is not read for kind `none`, whose z is the gradient itself. */
export type ProjectionSettings = Pick<ProjectionOptions, 'kind' | 'sketch' | 'seed'>;

/** Loss, norms and projected gradient of every example of a micro-batch. */
export interface ExampleGradients {
  /** `[example]` mean cross-entropy over the supervised tokens, in nats; NaN for an example without any. */
  loss: Float64Array;
  /** `[example]` |M|. */
  supervisedTokenCount: Uint32Array;
  /** `[example]` ℓ2 norm of the whole gradient, before projection and before any scaling by moments. */
  gradientNorm: Float64Array;
  /** `[example]` mean ‖softmax − onehot‖₂ over the supervised tokens. */
  el2n: Float64Array;
  /** `[example, sketch]` projected gradient, scaled by moments where there are any, of float64 sums. */
  sketch: Float32Array;
}

/** Gradients of every example of a micro-batch, projected where they are computed. */
export interface GradientComputer {
  /** Width k of what comes back. */
  sketch: number;
  /** One forward and one backward pass. */
  compute(examples: readonly ModelExample[]): Promise<ExampleGradients>;
  dispose(): void;
}

/** Moments of the training that ended in an adapter, an array for each of its parameters, and the betas of it. */
export interface AdamMoments {
  beta1: number;
  beta2: number;
  first: Float32Array[];
  second: Float32Array[];
}

/** Settings of AdamW (arXiv:1711.05101). */
export interface AdamWSettings {
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Decoupled: parameters shrink by learningRate · weightDecay in each step. */
  weightDecay: number;
}

/** Defaults of torch but for the weight decay. */
export const ADAMW_DEFAULTS: AdamWSettings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };

/** How a step updates the parameters: clip by the global norm, then AdamW. */
export interface OptimizerSettings {
  adamW: AdamWSettings;
  /** Gradients above this global norm are scaled down to it. */
  maxGradientNorm: number;
}

/** Moments of every parameter array, float32: with the parameters, the exact state of the optimiser. */
export interface AdamWState {
  /** Updates done. */
  step: number;
  first: Float32Array[];
  second: Float32Array[];
}

/** Everything that a later process needs to go on exactly: parameters and moments after `optimizer.step` updates. */
export interface TrainingState {
  parameters: Float32Array[];
  optimizer: AdamWState;
}

/** One training: parameters and moments lie where the engine computes. */
export interface Trainer {
  /** Updates done. */
  readonly step: number;
  /**
   * Adds a micro-batch to the gradient of the step.
   * @param weight of every answer token's cross-entropy
   * @returns the weighted sum of cross-entropies
   */
  addMicroBatch(examples: readonly ModelExample[], weight: number): Promise<number>;
  /**
   * Ends the step: clips the gradient, updates by AdamW.
   * @returns global norm before clipping; where it is not finite, nothing was updated
   */
  update(learningRate: number): Promise<number>;
  /** Forgets what was added since the last update. @returns its global norm */
  drop(): Promise<number>;
  /** The state as it can be saved; the arrays are its own until the next update changes them. */
  state(): Promise<TrainingState>;
  dispose(): void;
}

/** One test row's outcome. */
export interface Outcome {
  /** Mean cross-entropy over the answer tokens, in nats. */
  loss: number;
  /** Whether the largest logit is right at every answer position: equal to greedy decoding giving the exact answer. */
  correct: boolean;
  /** Tokens of the row's last answer that is learned, its end included. */
  lastAnswerTokenCount: number;
}

/** How answers are generated. */
export interface GenerationSettings {
  /** Tokens after which an answer that has not ended is cut. */
  mostTokens: number;
  /** Whether the last token of a row's own answer is its end, with which a generated one ends too. */
  stopsAtEnd: boolean;
}

/** An answer as a model gives it. */
export interface GeneratedAnswer {
  /** Its tokens, the end last where it came. */
  ids: Int32Array;
  /** Whether the end came. */
  hasEnded: boolean;
  /** Its text without special tokens; null where whoever made the example's tokens makes texts of tokens too. */
  text: string | null;
}

/** A model that answers test rows. */
export interface Scorer {
  /** Scores a micro-batch in one teacher-forced pass. */
  score(examples: readonly ModelExample[]): Promise<Outcome[]>;
  /**
   * Decodes greedily: of each row the last answer that is learned, given everything before it. A row's own answer is
   * seen by nobody but for the number of its end token.
   */
  generate(examples: readonly ModelExample[], settings: GenerationSettings): Promise<GeneratedAnswer[]>;
  dispose(): void;
}
