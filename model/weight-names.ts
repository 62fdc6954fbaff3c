import type { ModelType } from './model-config.ts';

/**
 * Canonical name of a weight: the module path that transformers 5 has in memory, which PEFT adapters use as well.
 * Maps the on-disk names of transformers 4 and 5, of LLaVA as first released, of Idefics3 and of models of text; null for
 * buffers that are not weights.
 *
 * `language_model.model.layers.0…` → `model.language_model.layers.0…`, `language_model.lm_head.weight` → `lm_head.weight`,
 * `vision_tower.vision_model.…` → `model.vision_tower.…`, `multi_modal_projector.…` → `model.multi_modal_projector.…`
 */
export function canonicalName(name: string): string | null {
  if (name.endsWith('rotary_emb.inv_freq') || name.endsWith('position_ids')) return null;
  const path = name.replace(/^model\./, '');
  if (path === 'lm_head.weight' || path === 'language_model.lm_head.weight') return 'lm_head.weight';
  const known = RENAMED.find(([pattern]) => pattern.test(path));
  return `model.${known === undefined ? path : path.replace(...known)}`;
}

/** Names of other architectures and generations, first match wins; what fits none is canonical below `model.` */
const RENAMED: [RegExp, string][] = [
  [/^language_model\.model\./, 'language_model.'],
  // Idefics3.
  [/^text_model\./, 'language_model.'],
  [/^vision_model\./, 'vision_tower.'],
  // A model of text, and LLaVA as first released.
  [/^(?=(layers|embed_tokens|norm)\.)/, 'language_model.'],
  [/^mm_projector\.0\./, 'multi_modal_projector.linear_1.'],
  [/^mm_projector\.2\./, 'multi_modal_projector.linear_2.'],
  [/^vision_tower\.(vision_tower\.)?vision_model\./, 'vision_tower.'],
];

/** The name that transformers writes to disk for a canonical one; inverse of {@link canonicalName}. */
export function diskName(canonical: string): string {
  if (canonical === 'lm_head.weight') return 'language_model.lm_head.weight';
  return canonical.replace(/^model\./, '').replace(/^language_model\./, 'language_model.model.');
}

/** Path of the decoder in memory, by which adapters name its layers. */
export function decoderPath(modelType: ModelType): string {
  if (modelType === 'llava') return 'model.language_model';
  return modelType === 'llama' || modelType === 'qwen2' ? 'model' : 'model.text_model';
}
