// What the engine's process says of a model folder: its decoder's layers, and its processor.
import type { JsonObject } from '../../contracts/json-object.ts';
import type { Reason } from '../../contracts/reasons.ts';
import type { RowVectors } from '../../contracts/tower-vectors.ts';
import type { DecoderLayers, ModelDescription, RowProcessor, RowRefusal, RowTokens } from '../engine.ts';
import { IGNORED_LABEL } from '../engine.ts';
import type { Towers } from '../memory/tower-bytes.ts';
import { sizesOfLayers } from '../memory/model-sizes.ts';
import type { ModelSizes } from '../memory/model-sizes.ts';
import type { LinearLayer } from '../weight-shapes.ts';
import type { TorchChild } from './child.ts';
import { clipTensors, describedClip } from './clip-tensors.ts';
import { canonicalPath } from './paths.ts';

/** What the process answers to `inspect`, as far as it is read. */
export interface Inspected {
  decoderPath: string;
  layers: { path: string; target: string; out: number; in: number }[];
  parameterCount: number;
  towers: Towers;
  layerCount: number;
  hiddenSize: number;
  vocabularySize: number;
  chatTemplate: string | null;
  imageToken: string | null;
  videoToken: string | null;
  audioToken: string | null;
  specialTexts: string[];
  eosToken: string | null;
  namedTokens: Record<string, string>;
}

/** PEFT's order of linear layers inside a decoder layer; others stand behind them, as the model has them. */
const TARGET_ORDER: readonly string[] = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];

/** @param version of what the processor runs on */
export function describedModel(
  child: TorchChild,
  folder: string,
  result: JsonObject,
  version: string,
): ModelDescription {
  const inspected = result as unknown as Inspected;
  return {
    decoder: decoderOf(inspected),
    parameterCount: inspected.parameterCount,
    sizes: memorySizesOf(inspected),
    processor: processorOf(child, folder, inspected, version),
  };
}

/** Attention's tables are not formed, and pictures go through towers by the vectors that they become. */
function memorySizesOf(inspected: Inspected): ModelSizes {
  const { parameterCount, hiddenSize, layerCount, vocabularySize, towers } = inspected;
  const widths = sizesOfLayers(decoderOf(inspected).layers, hiddenSize, layerCount);
  return { ...widths, parameterCount, vocabularySize, headCount: 0, tower: null, towers };
}

/** Layers by their canonical paths, layer by layer. */
export function decoderOf({ decoderPath, layers }: Inspected): DecoderLayers {
  const numberOf = ({ path }: LinearLayer): number => Number(/\.layers\.(\d+)\./.exec(path)?.[1] ?? -1);
  const orderOf = ({ target }: LinearLayer): number => {
    const place = TARGET_ORDER.indexOf(target);
    return place < 0 ? TARGET_ORDER.length : place;
  };
  const found = layers.map(({ path, target, ...shape }): LinearLayer => ({
    path: canonicalPath(path, decoderPath),
    target,
    shape: [shape.out, shape.in],
  }));
  found.sort((left, right) => numberOf(left) - numberOf(right) || orderOf(left) - orderOf(right));
  return { path: decoderPath, layers: found };
}

function processorOf(child: TorchChild, folder: string, inspected: Inspected, version: string): RowProcessor {
  const { chatTemplate, imageToken, videoToken, audioToken, specialTexts, eosToken, namedTokens } = inspected;
  const reservedTexts = specialTexts.filter((text) => text !== imageToken);
  return {
    texts: { chatTemplate, imageToken, videoToken, audioToken, reservedTexts, namedTokens, eosToken: eosToken ?? '' },
    version,
    encode: async (rows, cutoffLen) => {
      if (rows.length === 0) return [];
      const described = rows.map(({ pieces, pictures, clips = [] }) => ({
        pieces,
        sizes: pictures.map(({ width, height }) => [height, width]),
        clips: clips.map(describedClip),
      }));
      const files = rows.flatMap(({ clips = [] }, row) => clipTensors(clips, row));
      const parameters = { folder, rows: described, cutoff: cutoffLen };
      const { result, tensors } = await child.call('encode', parameters, files);
      const found = result['rows'] as EncodedRow[];
      return found.map((row, index) => {
        if ('reason' in row) return row;
        const [ids, labels] = ['ids', 'labels'].map((name) => tensors.get(`row.${index}.${name}`)?.values);
        if (!(ids instanceof Int32Array) || !(labels instanceof Int32Array))
          throw new Error(`torch: encode must give ids and labels, got none for row ${index}`);
        return tokensOf(row, ids, labels);
      });
    },
  };
}

type EncodedRow = { reason: Reason; detail: string } | CountedRow;

interface CountedRow {
  imageTokens: number;
  truncated: boolean;
  vectors?: RowVectors;
}

function tokensOf(row: CountedRow, ids: Int32Array, labels: Int32Array): RowTokens | RowRefusal {
  const supervised = labels.subarray(1).reduce((count, label) => count + (label === IGNORED_LABEL ? 0 : 1), 0);
  // Views of the whole answer would keep it in memory.
  return {
    ids: ids.slice(),
    labels: labels.slice(),
    imageTokenCount: row.imageTokens,
    supervisedTokenCount: supervised,
    truncated: row.truncated,
    ...(row.vectors && { towerVectors: row.vectors }),
  };
}
