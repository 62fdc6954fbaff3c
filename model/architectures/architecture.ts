// What is known of a model's architecture: sizes of tower and decoder, and what joins them.
import type { JsonObject } from '../../contracts/json-object.ts';

/** Sizes of a vision tower, as in `vision_config`. */
export interface VisionConfig {
  /** Whether a class token stands before the patches, whose embedding then has no bias. */
  classToken: boolean;
  /** Norm in front of the layers (sic) or behind them, or none. */
  norm: 'pre_layrnorm' | 'post_layernorm' | null;
  hiddenSize: number;
  intermediateSize: number;
  layerCount: number;
  headCount: number;
  imageSize: number;
  patchSize: number;
  layerNormEpsilon: number;
  activation: 'quick_gelu' | 'gelu' | 'gelu_pytorch_tanh';
}

/** Sizes of a decoder, as in `text_config`. */
export interface TextConfig {
  hiddenSize: number;
  intermediateSize: number;
  layerCount: number;
  headCount: number;
  keyValueHeadCount: number;
  headDimension: number;
  vocabularySize: number;
  maxPositions: number;
  rmsNormEpsilon: number;
  ropeTheta: number;
  /** Bias of q, k and v. */
  attentionBias: boolean;
  /** Bias of o. */
  outputBias: boolean;
  mlpBias: boolean;
  tiedHead: boolean;
}

/** From the tower's vectors to the decoder's: LLaVA's two layers, or neighbours joined and one layer. */
export type Connector = { kind: 'mlp'; bias: boolean } | { kind: 'pixel_shuffle'; scaleFactor: number };

/** What `config.json` says about a model. */
export interface Architecture {
  /** `model_type` of `config.json`. */
  modelType: string;
  /** Path of the decoder in memory, by which adapters name its layers. */
  decoderPath: string;
  text: TextConfig;
  /** Null for a model of text. */
  vision: VisionConfig | null;
  connector: Connector;
  /** Hidden state that is taken: −1 = after the last layer, −2 = before it; 0 = after the embeddings. */
  visionFeatureLayer: number;
  /** `default` drops the first vector, CLIP's class token; `full` keeps it. */
  visionFeatureStrategy: 'default' | 'full';
  /** Id that stands once for every vector of a picture; −1 for a model of text. */
  imageTokenId: number;
  /** Vectors of one picture; 0 for a model of text. */
  imageTokenCount: number;
  /** Texts of special tokens that stand around a picture's vectors. */
  imageFrame: { before: string; after: string };
}

/** A family of models, as one file of this folder knows it. */
export interface ArchitectureKind {
  /** Values of `model_type` that belong to it. */
  modelTypes: readonly string[];
  takesPictures: boolean;
  /** Names of weights on disk, below `model.`, that differ from the canonical ones. */
  renames: readonly (readonly [RegExp, string])[];
  /** @throws InvalidConfigError for settings that change the mathematics */
  parse(config: JsonObject, modelType: string): Architecture;
}

/** A picture's vectors of a model of text, or of one that marks none. */
export const NO_FRAME = { before: '', after: '' };

/** Patches along one side of a picture. */
export function patchSide({ imageSize, patchSize }: Pick<VisionConfig, 'imageSize' | 'patchSize'>): number {
  return Math.floor(imageSize / patchSize);
}

/** Vectors of one picture inside the tower. */
export function towerVectorCount(vision: Pick<VisionConfig, 'imageSize' | 'patchSize' | 'classToken'>): number {
  return patchSide(vision) ** 2 + (vision.classToken ? 1 : 0);
}
