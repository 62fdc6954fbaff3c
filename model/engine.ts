// The seam: what an engine does for the product. Rows, plans, checkpoints, retries and tables stay on this side;
// tensors, the projection and the optimiser's state stay on the other. What crosses is sketches, scalars and
// checkpoints.
import type { ProjectionOptions } from '../algorithms/projection.ts';
import type { EngineName } from '../contracts/config.ts';
import type { AdapterValues } from './adapter.ts';
import type { Architecture } from './architectures/architecture.ts';

/** What computes the tensors, and everything of it that can change bits: part of the address of computed artifacts. */
export interface EngineDescription {
  engine: EngineName;
  /** Version of the native TensorFlow library, or of tfjs for the engines without one. */
  libraryVersion: string;
  device: 'cpu' | 'gpu';
  /** Highest vector instruction set that the library may use. */
  instructionSet: string;
  oneDnn: boolean;
  /** Whether float32 matrix products may be rounded to TF32 (GPUs only). */
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
   * @throws InvalidConfigError for a folder that is no model, or one that does not fit the memory
   */
  loadModel(folder: string, breathe?: () => Promise<void>): Promise<EngineModel>;
}

/** A model that is ready to compute. Everything that it opens is disposed before it. */
export interface EngineModel {
  folder: string;
  architecture: Architecture;
  /** @param readPixels a picture as the vision tower takes it, by its name */
  openPictures(readPixels: (image: string) => Promise<Float32Array>): PictureEncoder;
  /** Per-example gradients at an adapter. */
  openGradients(adapter: AdapterValues, projection: ProjectionSettings): GradientComputer;
  /** Training of an adapter, from the start or from a state that was saved. */
  openTraining(start: AdapterValues, settings: OptimizerSettings, resumed: TrainingState | null): Trainer;
  /** @param adapter null scores the base model */
  openScoring(adapter: AdapterValues | null): Scorer;
  dispose(): void;
}

/** Label of a position without a loss. */
export const IGNORED_LABEL = -100;

/** One example as the prompt encoder gives it, with its pictures' vectors. */
export interface ModelExample {
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
  /** `[example]` ℓ2 norm of the whole gradient, before projection. */
  gradientNorm: Float64Array;
  /** `[example]` mean ‖softmax − onehot‖₂ over the supervised tokens. */
  el2n: Float64Array;
  /** `[example, sketch]` projected gradient, of float64 sums. */
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
  /** The state as it can be saved. */
  state(): Promise<TrainingState>;
  dispose(): void;
}

/** One test row's outcome. */
export interface Outcome {
  /** Mean cross-entropy over the answer tokens, in nats. */
  loss: number;
  /** Whether the largest logit is right at every answer position: equal to greedy decoding giving the exact answer. */
  correct: boolean;
}

/** A model that answers test rows. */
export interface Scorer {
  /** Scores a micro-batch in one teacher-forced pass. */
  score(examples: readonly ModelExample[]): Promise<Outcome[]>;
  dispose(): void;
}
