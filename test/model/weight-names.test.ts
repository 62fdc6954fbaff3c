import { expect, test } from 'vitest';
import { canonicalName, diskName } from '../../model/weight-names.ts';

test.each<[string, string | null]>([
  // transformers 4 and 5
  ['language_model.model.layers.0.mlp.up_proj.weight', 'model.language_model.layers.0.mlp.up_proj.weight'],
  ['model.language_model.layers.0.mlp.up_proj.weight', 'model.language_model.layers.0.mlp.up_proj.weight'],
  ['language_model.lm_head.weight', 'lm_head.weight'],
  ['lm_head.weight', 'lm_head.weight'],
  ['vision_tower.vision_model.pre_layrnorm.bias', 'model.vision_tower.pre_layrnorm.bias'],
  ['vision_tower.pre_layrnorm.bias', 'model.vision_tower.pre_layrnorm.bias'],
  ['multi_modal_projector.linear_1.bias', 'model.multi_modal_projector.linear_1.bias'],
  // LLaVA as first released
  ['model.layers.3.self_attn.q_proj.weight', 'model.language_model.layers.3.self_attn.q_proj.weight'],
  ['model.embed_tokens.weight', 'model.language_model.embed_tokens.weight'],
  ['model.norm.weight', 'model.language_model.norm.weight'],
  ['model.mm_projector.0.weight', 'model.multi_modal_projector.linear_1.weight'],
  ['model.mm_projector.2.bias', 'model.multi_modal_projector.linear_2.bias'],
  [
    'model.vision_tower.vision_tower.vision_model.encoder.layers.0.mlp.fc1.bias',
    'model.vision_tower.encoder.layers.0.mlp.fc1.bias',
  ],
  // Idefics3
  ['model.text_model.layers.0.input_layernorm.weight', 'model.language_model.layers.0.input_layernorm.weight'],
  ['model.vision_model.post_layernorm.bias', 'model.vision_tower.post_layernorm.bias'],
  ['model.connector.modality_projection.proj.weight', 'model.connector.modality_projection.proj.weight'],
  // no weights
  ['model.layers.0.self_attn.rotary_emb.inv_freq', null],
  ['vision_tower.vision_model.embeddings.position_ids', null],
])('%s is %s', (name, wanted) => {
  expect(canonicalName(name)).toBe(wanted);
});

test('a name on disk is the same weight', () => {
  for (const name of ['model.language_model.norm.weight', 'lm_head.weight', 'model.vision_tower.post_layernorm.bias'])
    expect(canonicalName(diskName(name))).toBe(name);
});
