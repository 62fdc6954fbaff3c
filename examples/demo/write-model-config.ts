// Writes all files of the demo model's folder but the weights: architecture, image settings, tokenizer, chat template.
//
//     npx tsx examples/demo/write-model-config.ts --out examples/demo/model
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { SIDE } from './pictures.ts';
import { SPECIAL_TOKENS, trainTokenizer, writeTokenizer } from './train-tokenizer.ts';

const PATCH_SIDE = 14;
const TRANSFORMERS_VERSION = '5.17.0';
const BOS_ID = SPECIAL_TOKENS.indexOf('<s>');
const EOS_ID = SPECIAL_TOKENS.indexOf('</s>');
const PAD_ID = SPECIAL_TOKENS.indexOf('<pad>');

/** `config.json`: a LLaVA of 1.2 million parameters with 16 image tokens and no dead vision layer. */
export function modelConfig(vocabularySize: number): Record<string, unknown> {
  return {
    architectures: ['LlavaForConditionalGeneration'],
    dtype: 'float32',
    image_seq_length: (SIDE / PATCH_SIDE) ** 2,
    image_token_index: SPECIAL_TOKENS.indexOf('<image>'),
    model_type: 'llava',
    multimodal_projector_bias: true,
    projector_hidden_act: 'gelu',
    text_config: textConfig(vocabularySize),
    tie_word_embeddings: false,
    transformers_version: TRANSFORMERS_VERSION,
    vision_config: visionConfig(),
    vision_feature_layer: -1,
    vision_feature_select_strategy: 'default',
  };
}

/** `preprocessor_config.json`: CLIP's image processor at 56 pixels. */
export function preprocessorConfig(): Record<string, unknown> {
  return {
    crop_size: { height: SIDE, width: SIDE },
    do_center_crop: true,
    do_convert_rgb: true,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_mean: [0.48145466, 0.4578275, 0.40821073],
    image_processor_type: 'CLIPImageProcessor',
    image_std: [0.26862954, 0.26130258, 0.27577711],
    resample: 3,
    rescale_factor: 1 / 255,
    size: { shortest_edge: SIDE },
  };
}

/** `generation_config.json`. */
export function generationConfig(): Record<string, unknown> {
  return {
    _from_model_config: true,
    bos_token_id: BOS_ID,
    eos_token_id: EOS_ID,
    pad_token_id: PAD_ID,
    transformers_version: TRANSFORMERS_VERSION,
    use_cache: true,
  };
}

/** Writes the whole folder but `model.safetensors`. */
export function writeModelFolder(folder: string): { vocabularySize: number } {
  mkdirSync(folder, { recursive: true });
  const files = trainTokenizer();
  writeTokenizer(folder, files);
  const write = (name: string, value: unknown): void => {
    writeFileSync(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
  };
  write('config.json', modelConfig(files.vocabularySize));
  write('preprocessor_config.json', preprocessorConfig());
  write('generation_config.json', generationConfig());
  return { vocabularySize: files.vocabularySize };
}

function textConfig(vocabularySize: number): Record<string, unknown> {
  return {
    attention_bias: false,
    attention_dropout: 0,
    bos_token_id: BOS_ID,
    eos_token_id: EOS_ID,
    head_dim: 32,
    hidden_act: 'silu',
    hidden_size: 128,
    initializer_range: 0.02,
    intermediate_size: 320,
    max_position_embeddings: 256,
    mlp_bias: false,
    model_type: 'llama',
    num_attention_heads: 4,
    num_hidden_layers: 3,
    num_key_value_heads: 4,
    pad_token_id: PAD_ID,
    pretraining_tp: 1,
    rms_norm_eps: 1e-5,
    rope_parameters: { rope_theta: 10_000, rope_type: 'default' },
    tie_word_embeddings: false,
    use_cache: true,
    vocab_size: vocabularySize,
  };
}

function visionConfig(): Record<string, unknown> {
  return {
    attention_dropout: 0,
    hidden_act: 'quick_gelu',
    hidden_size: 128,
    image_size: SIDE,
    initializer_range: 0.02,
    intermediate_size: 256,
    layer_norm_eps: 1e-5,
    model_type: 'clip_vision_model',
    num_attention_heads: 4,
    num_channels: 3,
    num_hidden_layers: 3,
    patch_size: PATCH_SIDE,
    projection_dim: 64,
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values } = parseArgs({ options: { out: { type: 'string' } } });
  if (values.out === undefined) throw new TypeError('write-model-config: --out FOLDER must be given, got nothing');
  const { vocabularySize } = writeModelFolder(values.out);
  process.stdout.write(`${values.out}: ${vocabularySize} tokens\n`);
}
