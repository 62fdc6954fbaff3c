// The architectures that are read.
import type { ArchitectureKind } from './architecture.ts';
import { idefics3 } from './idefics3.ts';
import { llava } from './llava.ts';
import { textAlone } from './text-alone.ts';

/** A new one is a file beside this and a place in the list. */
export const ARCHITECTURES: readonly ArchitectureKind[] = [llava, idefics3, textAlone];

/** Values of `model_type` that are read, of models with pictures or of text alone. */
export function modelTypes(takesPictures: boolean): string[] {
  return ARCHITECTURES.filter((kind) => kind.takesPictures === takesPictures).flatMap((kind) => kind.modelTypes);
}
