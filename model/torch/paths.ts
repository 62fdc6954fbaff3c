// Names of modules: as transformers has them, and as adapters are known here.

/** How decoders are called here, whatever the model calls its own. */
const CANONICAL_DECODER = 'model.language_model';

/** A module's path below the decoder, from the model's own. */
export function canonicalPath(path: string, decoderPath: string): string {
  return `${CANONICAL_DECODER}${path.slice(decoderPath.length)}`;
}

/** The model's own path, or name of a parameter, from the canonical one. */
export function modelPath(path: string, decoderPath: string): string {
  return `${decoderPath}${path.slice(CANONICAL_DECODER.length)}`;
}
