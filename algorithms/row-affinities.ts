// How near each row's gradient lies to what queries ask for.
import type { QueryDirections, QuerySubspace } from './query-directions.ts';
import { RowKernels } from './row-kernels.ts';

/** Writes one row's numbers to `out` from `outStart` on. It makes no objects, so it suits long loops. */
export type RowWriter = (
  gradient: Float32Array | Int8Array,
  gradientStart: number,
  scale: number,
  out: Float32Array,
  outStart: number,
) => void;

/** Products of a row's unit gradient with directions, [target]; 0 for a row without direction. */
export function directionWriter({ sketch, vectors }: QueryDirections): RowWriter {
  const count = vectors.length / sketch;
  const kernels = kernelsWith(vectors, sketch);
  return (gradient, gradientStart, scale, out, outStart) => {
    kernels.load(gradient, gradientStart, scale);
    for (let target = 0; target < count; target += 2) {
      const products = kernels.products(target, Math.min(target + 1, count - 1));
      const norm = Math.sqrt(products[0]!);
      out[outStart + target] = norm === 0 ? 0 : products[1]! / norm;
      if (target + 1 < count) out[outStart + target + 1] = norm === 0 ? 0 : products[2]! / norm;
    }
  };
}

/** Cosines in a subspace with each group's target, [group]; 0 for a row or a group without a part in it. */
export function subspaceWriter({ sketch, vectors, rank, targets }: QuerySubspace): RowWriter {
  const kernels = kernelsWith(vectors, sketch);
  const part = new Float64Array(rank);
  const groupCount = rank === 0 ? 0 : targets.length / rank;
  return (gradient, gradientStart, scale, out, outStart) => {
    kernels.load(gradient, gradientStart, scale);
    let square = 0;
    for (let place = 0; place < rank; place += 2) {
      const products = kernels.products(place, Math.min(place + 1, rank - 1));
      part[place] = products[1]!;
      if (place + 1 < rank) part[place + 1] = products[2]!;
    }
    for (let place = 0; place < rank; place += 1) square += part[place]! * part[place]!;
    const norm = Math.sqrt(square);
    for (let group = 0; group < groupCount; group += 1) {
      let product = 0;
      for (let place = 0; place < rank; place += 1) product += part[place]! * targets[group * rank + place]!;
      out[outStart + group] = norm === 0 ? 0 : product / norm;
    }
  };
}

function kernelsWith(vectors: Float64Array, sketch: number): RowKernels {
  const kernels = new RowKernels(sketch, vectors.length / sketch);
  kernels.vectors.set(vectors);
  return kernels;
}
