// The memory that a model needs, and whether this machine has it.
import { spawnSync } from 'node:child_process';
import { totalmem } from 'node:os';
import { InvalidConfigError } from '../contracts/failures.ts';

/** What a model needs, and what there is. */
export interface ModelMemory {
  parameterCount: number;
  /** Of the weights in float32, as they are computed with. Activations and caches come on top. */
  weightBytes: number;
  /** Memory of this machine, or of the container that the process runs in. */
  hostBytes: number;
  /** Memory of the first GPU; null where none is used, or none tells. */
  deviceBytes: number | null;
}

/** The wasm heap ends at 4 GiB, and each linear weight is held twice on it. */
const WASM_HEAP_BYTES = 4 * 1024 ** 3;
const WASM_COPIES = 2;

/** @param usesDevice whether the weights are to lie on a GPU */
export function modelMemory(parameterCount: number, usesDevice: boolean): ModelMemory {
  // No limit is a number beyond any machine.
  const limit = process.constrainedMemory();
  return {
    parameterCount,
    weightBytes: 4 * parameterCount,
    hostBytes: limit > 0 ? Math.min(limit, totalmem()) : totalmem(),
    deviceBytes: usesDevice ? firstDeviceBytes() : null,
  };
}

/**
 * Whether the weights alone fit where they are to lie; nothing else is promised.
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

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

/** Memory of the first GPU; null where there is none, or none tells. */
export function firstDeviceBytes(): number | null {
  const query = ['--query-gpu=memory.total', '--format=csv,noheader,nounits'];
  const { stdout, status } = spawnSync('nvidia-smi', query, { encoding: 'utf8', timeout: 5000 });
  const mebibytes = status === 0 ? Number(stdout.split('\n')[0]) : NaN;
  return mebibytes > 0 ? mebibytes * 1024 ** 2 : null;
}
