// Names of weights: canonical, and as they stand on disk.
import { ARCHITECTURES } from './architectures/architectures.ts';

/**
 * Canonical name of a weight: the module path that transformers 5 has in memory, which PEFT adapters use as well.
 * Maps the on-disk names of transformers 4 and 5, of LLaVA as first released, of Idefics3 and of models of text; null
 * for buffers that are not weights.
 *
 * `language_model.model.layers.0…` → `model.language_model.layers.0…`, `language_model.lm_head.weight` →
 * `lm_head.weight`, `vision_tower.vision_model.…` → `model.vision_tower.…`, `multi_modal_projector.…` →
 * `model.multi_modal_projector.…`
 */
export function canonicalName(name: string): string | null {
  if (name.endsWith('rotary_emb.inv_freq') || name.endsWith('position_ids')) return null;
  const path = name.replace(/^model\./, '');
  if (path === 'lm_head.weight' || path === 'language_model.lm_head.weight') return 'lm_head.weight';
  const known = RENAMED.find(([pattern]) => pattern.test(path));
  return `model.${known === undefined ? path : path.replace(...known)}`;
}

/** Names of other architectures and generations, first match wins; what fits none is canonical below `model.` */
const RENAMED = ARCHITECTURES.flatMap(({ renames }) => renames);

/** The name that transformers writes to disk for a canonical one; inverse of {@link canonicalName}. */
export function diskName(canonical: string): string {
  if (canonical === 'lm_head.weight') return 'language_model.lm_head.weight';
  return canonical.replace(/^model\./, '').replace(/^language_model\./, 'language_model.model.');
}
