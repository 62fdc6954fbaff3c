// Shapes of every weight that a model needs.
import type { LoraTarget } from '../contracts/config.ts';
import { towerVectorCount } from './architectures/architecture.ts';
import type { Architecture, TextConfig, VisionConfig } from './architectures/architecture.ts';

/** Linear layers of one decoder layer in the order of PEFT: `[out, in]` by name. */
export function decoderLinearShapes(text: TextConfig): Record<LoraTarget, [number, number]> {
  const { hiddenSize, intermediateSize, headDimension } = text;
  const queryWidth = text.headCount * headDimension;
  const keyWidth = text.keyValueHeadCount * headDimension;
  return {
    q_proj: [queryWidth, hiddenSize],
    k_proj: [keyWidth, hiddenSize],
    v_proj: [keyWidth, hiddenSize],
    o_proj: [hiddenSize, queryWidth],
    gate_proj: [intermediateSize, hiddenSize],
    up_proj: [intermediateSize, hiddenSize],
    down_proj: [hiddenSize, intermediateSize],
  };
}

/** Module path of a decoder linear layer, without `.weight`. */
export function decoderLinearPath(layer: number, target: LoraTarget): string {
  const block =
    target.startsWith('q_') || target.startsWith('k_') || target.startsWith('v_') || target.startsWith('o_')
      ? 'self_attn'
      : 'mlp';
  return `model.language_model.layers.${layer}.${block}.${target}`;
}

/** A linear layer of a decoder, which an adapter may adapt. */
export interface LinearLayer {
  /** Canonical module path, without `.weight`. */
  path: string;
  /** Last part of the path. */
  target: string;
  /** `[out, in]` */
  shape: readonly [number, number];
}

/** All linear layers of a decoder, layer by layer in the order of PEFT. */
export function linearLayers(text: TextConfig): LinearLayer[] {
  const shapes = Object.entries(decoderLinearShapes(text)) as [LoraTarget, [number, number]][];
  return Array.from({ length: text.layerCount }, (_, layer) => layer).flatMap((layer) =>
    shapes.map(([target, shape]) => ({ path: decoderLinearPath(layer, target), target, shape })),
  );
}

/** Parameters of all weights. */
export function countParameters(shapes: ReadonlyMap<string, readonly number[]>): number {
  let count = 0;
  for (const shape of shapes.values()) count += shape.reduce((product, size) => product * size, 1);
  return count;
}

/** Every weight that the model needs: canonical name → shape as stored by torch (linear weights `[out, in]`). */
export function weightShapes(config: Architecture): Map<string, number[]> {
  const { vision } = config;
  const visual = vision === null ? [] : [...visionShapes(config, vision), ...connectorShapes(config, vision)];
  return new Map([...visual, ...textShapes(config.text)]);
}

function visionShapes({ visionFeatureLayer }: Architecture, vision: VisionConfig): [string, number[]][] {
  const { classToken, norm, hiddenSize, intermediateSize, patchSize } = vision;
  const base = 'model.vision_tower';
  const shapes: [string, number[]][] = [
    [`${base}.embeddings.patch_embedding.weight`, [hiddenSize, 3, patchSize, patchSize]],
    [`${base}.embeddings.position_embedding.weight`, [towerVectorCount(vision), hiddenSize]],
  ];
  if (classToken) shapes.push([`${base}.embeddings.class_embedding`, [hiddenSize]]);
  else shapes.push([`${base}.embeddings.patch_embedding.bias`, [hiddenSize]]);
  if (norm !== null) shapes.push([`${base}.${norm}.weight`, [hiddenSize]], [`${base}.${norm}.bias`, [hiddenSize]]);
  for (let layer = 0; layer < usedVisionLayers(vision.layerCount, visionFeatureLayer); layer += 1) {
    const path = `${base}.encoder.layers.${layer}`;
    for (const inner of ['layer_norm1', 'layer_norm2']) {
      shapes.push([`${path}.${inner}.weight`, [hiddenSize]], [`${path}.${inner}.bias`, [hiddenSize]]);
    }
    for (const linear of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) {
      shapes.push(
        [`${path}.self_attn.${linear}.weight`, [hiddenSize, hiddenSize]],
        [`${path}.self_attn.${linear}.bias`, [hiddenSize]],
      );
    }
    shapes.push(
      [`${path}.mlp.fc1.weight`, [intermediateSize, hiddenSize]],
      [`${path}.mlp.fc1.bias`, [intermediateSize]],
    );
    shapes.push([`${path}.mlp.fc2.weight`, [hiddenSize, intermediateSize]], [`${path}.mlp.fc2.bias`, [hiddenSize]]);
  }
  return shapes;
}

/** Vision layers that run: hidden state −1 is the output of the last one, −2 the input of the last one. */
export function usedVisionLayers(layerCount: number, featureLayer: number): number {
  return featureLayer < 0 ? layerCount + 1 + featureLayer : featureLayer;
}

function connectorShapes({ connector, text }: Architecture, vision: VisionConfig): [string, number[]][] {
  if (connector.kind === 'pixel_shuffle') {
    const width = vision.hiddenSize * connector.scaleFactor ** 2;
    return [['model.connector.modality_projection.proj.weight', [text.hiddenSize, width]]];
  }
  const base = 'model.multi_modal_projector';
  const shapes: [string, number[]][] = [
    [`${base}.linear_1.weight`, [text.hiddenSize, vision.hiddenSize]],
    [`${base}.linear_2.weight`, [text.hiddenSize, text.hiddenSize]],
  ];
  if (connector.bias)
    shapes.push([`${base}.linear_1.bias`, [text.hiddenSize]], [`${base}.linear_2.bias`, [text.hiddenSize]]);
  return shapes;
}

function textShapes(text: TextConfig): [string, number[]][] {
  const base = 'model.language_model';
  const shapes: [string, number[]][] = [
    [`${base}.embed_tokens.weight`, [text.vocabularySize, text.hiddenSize]],
    [`${base}.norm.weight`, [text.hiddenSize]],
  ];
  if (!text.tiedHead) shapes.push(['lm_head.weight', [text.vocabularySize, text.hiddenSize]]);
  for (let layer = 0; layer < text.layerCount; layer += 1) {
    shapes.push([`${base}.layers.${layer}.input_layernorm.weight`, [text.hiddenSize]]);
    shapes.push([`${base}.layers.${layer}.post_attention_layernorm.weight`, [text.hiddenSize]]);
    for (const [target, shape] of Object.entries(decoderLinearShapes(text)) as [LoraTarget, [number, number]][]) {
      const path = decoderLinearPath(layer, target);
      shapes.push([`${path}.weight`, shape]);
      const attends = target === 'o_proj' ? text.outputBias : text.attentionBias;
      const hasBias = path.includes('self_attn') ? attends : text.mlpBias;
      if (hasBias) shapes.push([`${path}.bias`, [shape[0]]]);
    }
  }
  return shapes;
}
