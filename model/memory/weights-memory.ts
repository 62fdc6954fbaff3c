// Whether this process has the memory for a model's weights, before they are read.
import { InvalidConfigError } from '../../contracts/failures.ts';
import { deviceMemory, processMemory } from './machine-memory.ts';

/** What a model needs, and what there is. */
export interface ModelMemory {
  parameterCount: number;
  /** Of the weights in float32, as they are computed with. Activations and caches come on top. */
  weightBytes: number;
  /** What this process may use of the machine, or of the container that it runs in. */
  hostBytes: number;
  /** Memory of the first GPU; null where none is used, or none tells. */
  deviceBytes: number | null;
}

/** The wasm heap ends at 4 GiB, and each linear weight is held twice on it. */
const WASM_HEAP_BYTES = 4 * 1024 ** 3;
const WASM_COPIES = 2;

/** @param usesDevice whether the weights are to lie on a GPU */
export function modelMemory(parameterCount: number, usesDevice: boolean): ModelMemory {
  return {
    parameterCount,
    weightBytes: 4 * parameterCount,
    hostBytes: processMemory(),
    deviceBytes: usesDevice ? deviceMemory() : null,
  };
}

/**
 * Whether the weights alone fit where they are to lie; what comes on top is counted by `countMemory`.
 * @throws InvalidConfigError naming parameters, bytes needed, bytes there and what to do
 */
export function requireMemory(memory: ModelMemory, isWasm: boolean): void {
  const { parameterCount, weightBytes, hostBytes, deviceBytes } = memory;
  if (isWasm && weightBytes * WASM_COPIES > WASM_HEAP_BYTES) {
    const gibibytes = (weightBytes / 1024 ** 3).toFixed(1);
    throw new InvalidConfigError(
      `engine wasm: weights must fit in 4 GiB, got ${gibibytes} GiB in float32; use engine: tensorflow or a smaller model`,
    );
  }
  const needed = `${parameterCount.toLocaleString('en')} parameters of ${gigabytes(weightBytes)} in float32`;
  if (deviceBytes !== null && weightBytes > deviceBytes) {
    throw new InvalidConfigError(
      `model: weights must fit in the GPU's ${gigabytes(deviceBytes)}, got ${needed}; take a GPU with more memory, ` +
        'a smaller model of the same family as reference, or hide the GPU (CUDA_VISIBLE_DEVICES=-1) to compute in host memory',
    );
  }
  if (deviceBytes === null && weightBytes > hostBytes) {
    throw new InvalidConfigError(
      `model: weights must fit in ${gigabytes(hostBytes)} of memory, got ${needed}; take a machine with more memory, ` +
        'or a smaller model of the same family as reference',
    );
  }
}

/** Bytes in words. */
export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
