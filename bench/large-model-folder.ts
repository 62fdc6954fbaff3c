// Folder of a LLaVA model with random weights, of any size: written piece by piece, nothing is held whole.
import { copyFile, mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '../contracts/json-object.ts';
import { parseArchitecture } from '../model/architectures/read-architecture.ts';
import { packageFolder } from './package-folder.ts';
import { weightShapes } from '../model/weight-shapes.ts';

/** Sizes of a model: a tower as SigLIP's, a decoder as Qwen2's whose head is its embedding. */
export interface ModelSizes {
  hidden: number;
  layers: number;
  heads: number;
  keyValueHeads: number;
  intermediate: number;
  vocabulary: number;
  visionHidden: number;
  visionLayers: number;
  visionHeads: number;
  visionIntermediate: number;
  imageSize: number;
  patchSize: number;
}

/** 0.86 billion parameters: Qwen2 24 × 1024, SigLIP 26 × 1152, 729 vectors a picture. */
export const LARGE: ModelSizes = {
  hidden: 1024,
  layers: 24,
  heads: 16,
  keyValueHeads: 16,
  intermediate: 2816,
  vocabulary: 151_936,
  visionHidden: 1152,
  visionLayers: 26,
  visionHeads: 16,
  visionIntermediate: 4304,
  imageSize: 384,
  patchSize: 14,
};

/** Name and shape of a weight. */
type Shape = [string, readonly number[]];

/** transformers' tower has it, behind the vectors that are read. */
const UNREAD = 'model.vision_tower.post_layernorm';

const TOKENIZER = join(packageFolder(), 'test/golden/tiny-llava/model');
const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja'];
const PICTURES = {
  image_processor_type: 'SiglipImageProcessor',
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
  resample: 3,
};

/** Writes model, tokenizer and picture settings in Hugging Face layout; weights in bfloat16. */
export async function writeRandomModel(folder: string, sizes: ModelSizes): Promise<void> {
  await mkdir(folder, { recursive: true });
  const config = configOf(sizes);
  const { imageSize: side } = sizes;
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(
    join(folder, 'preprocessor_config.json'),
    JSON.stringify({ ...PICTURES, size: { height: side, width: side } }),
  );
  for (const name of TOKENIZER_FILES) await copyFile(join(TOKENIZER, name), join(folder, name));
  await writeWeights(join(folder, 'model.safetensors'), [
    ...weightShapes(parseArchitecture(config)),
    ...['weight', 'bias'].map((kind): Shape => [`${UNREAD}.${kind}`, [sizes.visionHidden]]),
  ]);
}

/** `config.json` of the sizes. */
export function configOf(sizes: ModelSizes): JsonObject {
  return {
    model_type: 'llava',
    image_token_index: 4,
    vision_feature_layer: -1,
    vision_feature_select_strategy: 'full',
    tie_word_embeddings: true,
    vision_config: {
      model_type: 'siglip_vision_model',
      vision_use_head: false,
      hidden_size: sizes.visionHidden,
      intermediate_size: sizes.visionIntermediate,
      num_hidden_layers: sizes.visionLayers,
      num_attention_heads: sizes.visionHeads,
      image_size: sizes.imageSize,
      patch_size: sizes.patchSize,
    },
    text_config: {
      model_type: 'qwen2',
      hidden_size: sizes.hidden,
      num_hidden_layers: sizes.layers,
      num_attention_heads: sizes.heads,
      num_key_value_heads: sizes.keyValueHeads,
      intermediate_size: sizes.intermediate,
      vocab_size: sizes.vocabulary,
    },
  };
}

/** Values that are drawn once and repeated: nothing learns here. */
const DRAWN = 2 ** 20 - 3;

async function writeWeights(path: string, shapes: readonly Shape[]): Promise<void> {
  const header: Record<string, object> = {};
  let end = 0;
  for (const [name, shape] of shapes) {
    const start = end;
    end += 2 * shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: 'BF16', shape, data_offsets: [start, end] };
  }
  const text = JSON.stringify(header);
  const padded = text.padEnd(Math.ceil(text.length / 8) * 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const file = await open(path, 'w');
  try {
    await file.write(Buffer.concat([length, Buffer.from(padded)]));
    const drawn = bfloat16(Float32Array.from({ length: DRAWN }, (_, place) => 0.05 * Math.sin(place * 1.7 + 1) ** 3));
    const ones = bfloat16(new Float32Array(DRAWN).fill(1));
    for (const [name, shape] of shapes) {
      const values = /norm\d?\.weight$/.test(name) ? ones : drawn;
      let left = 2 * shape.reduce((product, size) => product * size, 1);
      for (; left > 0; left -= Math.min(left, values.length))
        await file.write(values.subarray(0, Math.min(left, values.length)));
    }
  } finally {
    await file.close();
  }
}

/** The upper halves of float32 numbers, little-endian. */
function bfloat16(values: Float32Array): Buffer {
  const words = new Uint32Array(values.buffer);
  return Buffer.from(Uint16Array.from(words, (word) => word >>> 16).buffer);
}
