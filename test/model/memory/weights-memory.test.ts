import { describe, expect, test } from 'vitest';
import { InvalidConfigError } from '../../../contracts/failures.ts';
import { modelMemory, requireMemory } from '../../../model/memory/weights-memory.ts';
import type { ModelMemory } from '../../../model/memory/weights-memory.ts';

const VICUNA: ModelMemory = {
  parameterCount: 7_063_427_072,
  weightBytes: 4 * 7_063_427_072,
  hostBytes: 64e9,
  deviceBytes: null,
};

describe('weights', () => {
  test('are counted in float32, beside the memory of the machine', () => {
    const memory = modelMemory(22, false); // oxfmt-ignore
    expect(memory).toMatchObject({ parameterCount: 22, weightBytes: 88, deviceBytes: null });
    expect(memory.hostBytes).toBeGreaterThan(1e8);
  });

  test('that fit are taken', () => {
    expect(() => requireMemory(VICUNA, false)).not.toThrow();
    expect(() => requireMemory({ ...VICUNA, hostBytes: 1, deviceBytes: 40e9 }, false)).not.toThrow();
  });

  test.each<[Partial<ModelMemory>, boolean, string]>([
    [
      { hostBytes: 24e9 },
      false,
      'model: weights must fit in 24.0 GB of memory, got 7,063,427,072 parameters of 28.3 GB in float32; ' +
        'take a machine with more memory, or a smaller model of the same family as reference',
    ],
    [
      { deviceBytes: 24e9 },
      false,
      "model: weights must fit in the GPU's 24.0 GB, got 7,063,427,072 parameters of 28.3 GB in float32; take a GPU with " +
        'more memory, a smaller model of the same family as reference, or hide the GPU (CUDA_VISIBLE_DEVICES=-1) to compute ' +
        'in host memory',
    ],
    [
      {},
      true,
      'engine wasm: weights must fit in 4 GiB, got 26.3 GiB in float32; use engine: tensorflow or a smaller model',
    ],
  ])('that do not fit are refused before they are read: %j, wasm %s', (change, isWasm, message) => {
    expect(() => requireMemory({ ...VICUNA, ...change }, isWasm)).toThrow(new InvalidConfigError(message));
  });
});
