// Sizes of a model that its memory follows from.
import { towerVectorCount } from '../architectures/architecture.ts';
import type { Architecture } from '../architectures/architecture.ts';
import { countParameters, linearLayers, weightShapes } from '../weight-shapes.ts';
import type { LinearLayer } from '../weight-shapes.ts';
import type { Towers } from './tower-bytes.ts';

/** Sizes of a decoder and of what encodes its pictures. */
export interface ModelSizes {
  parameterCount: number;
  layers: readonly LinearLayer[];
  layerCount: number;
  /** Widths of a layer, in values a token: its input, queries, keys, and inside the MLP. */
  hidden: number;
  query: number;
  key: number;
  inner: number;
  headCount: number;
  vocabularySize: number;
  /** The tower that encodes one picture; null without one, or where pictures go through `towers`. */
  tower: TowerSizes | null;
  /** What pictures, videos and sounds go through by the vectors of their rows; absent: the engine counts none. */
  towers?: Towers;
}

/** Sizes of a vision tower. */
export interface TowerSizes {
  vectorCount: number;
  hidden: number;
  inner: number;
  headCount: number;
}

/** Sizes of a model that is read here. */
export function sizesOf(architecture: Architecture): ModelSizes {
  const { text, vision } = architecture;
  const tower = vision && {
    vectorCount: towerVectorCount(vision),
    hidden: vision.hiddenSize,
    inner: vision.intermediateSize,
    headCount: vision.headCount,
  };
  const { vocabularySize, headCount } = text;
  return {
    ...sizesOfLayers(linearLayers(text), text.hiddenSize, text.layerCount),
    parameterCount: countParameters(weightShapes(architecture)),
    headCount,
    vocabularySize,
    tower,
  };
}

/** Widths by the linear layers of a decoder; those of a layer that has none of a kind are its input's. */
export function sizesOfLayers(
  layers: readonly LinearLayer[],
  hidden: number,
  layerCount: number,
): Pick<ModelSizes, 'layers' | 'layerCount' | 'hidden' | 'query' | 'key' | 'inner'> {
  const widest = (targets: readonly string[]): number =>
    layers
      .filter(({ target }) => targets.includes(target))
      .reduce((most, { shape: [out] }) => Math.max(most, out), 0) || hidden;
  const [query, key, inner] = [widest(['q_proj']), widest(['k_proj', 'v_proj']), widest(['gate_proj', 'up_proj'])];
  return { layers, layerCount, hidden, query, key, inner };
}
