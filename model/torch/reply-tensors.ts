// Tensors of the process's answers, by name and type.
import type { FrameTensor } from './tensors.ts';

type Tensors = ReadonlyMap<string, FrameTensor>;

function valuesOf<Values>(tensors: Tensors, name: string, kind: new (length: number) => Values): Values {
  const values = tensors.get(name)?.values;
  if (values instanceof kind) return values;
  throw new Error(`torch: ${name} must be ${kind.name}, got ${values?.constructor.name ?? 'none'}`);
}

/** @throws Error where there is none of the name and type; so do the others */
export const float32 = (tensors: Tensors, name: string): Float32Array => valuesOf(tensors, name, Float32Array);
/** Float64 values. */
export const float64 = (tensors: Tensors, name: string): Float64Array => valuesOf(tensors, name, Float64Array);
/** Int32 values. */
export const int32 = (tensors: Tensors, name: string): Int32Array => valuesOf(tensors, name, Int32Array);
/** Uint8 values. */
export const uint8 = (tensors: Tensors, name: string): Uint8Array => valuesOf(tensors, name, Uint8Array);
