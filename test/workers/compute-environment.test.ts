import { describe, expect, test } from 'vitest';
import { computeEnvironment, planComputeSlots } from '../../workers/compute-environment.ts';

const GIB = 1024 ** 3;
const cpu = (coreCount: number, memoryGib: number) => ({ coreCount, memoryBytes: memoryGib * GIB, gpuCount: 0 });

describe('planComputeSlots', () => {
  test.each([
    // cores, GiB, wanted → processes
    [4, 64, null, 4],
    [1, 64, null, 1],
    [16, 6, null, 4],
    [16, 7.4, null, 4],
    [16, 7.5, null, 5],
    [16, 1, null, 1],
    [16, 0, null, 1],
    [4, 64, 2, 2],
    [4, 1, 6, 6],
    [4, 64, 0, 0],
  ])('gives %i cores and %d GiB, wanted %s, %i processes', (coreCount, memoryGib, wanted, expected) => {
    const slots = planComputeSlots(cpu(coreCount, memoryGib), wanted);
    expect(slots.map(({ index, gpu }) => ({ index, gpu }))).toEqual(
      Array.from({ length: expected }, (_, index) => ({ index, gpu: null })),
    );
    const all = slots.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
    expect(all).toBeLessThanOrEqual(0.95 * memoryGib * GIB);
    expect(all).toBeGreaterThan(0.95 * memoryGib * GIB * (expected > 0 ? 1 : -1) - expected - 1);
  });

  test.each([
    // GPUs, wanted → processes
    [1, null, 1],
    [8, null, 8],
    [8, 3, 3],
    [2, 5, 2],
    [2, 0, 0],
  ])('gives %i GPUs, wanted %s, %i processes, whatever cores and memory are', (gpuCount, wanted, expected) => {
    const slots = planComputeSlots({ coreCount: 1, memoryBytes: GIB, gpuCount }, wanted);
    expect(slots.map(({ index, gpu }) => ({ index, gpu }))).toEqual(
      Array.from({ length: expected }, (_, index) => ({ index, gpu: index })),
    );
  });
});

describe('computeEnvironment', () => {
  test('gives a CPU process one thread, no GPU and a heap that keeps an eighth of its memory', () => {
    expect(computeEnvironment({ index: 1, gpu: null, memoryBytes: 8 * GIB }, {})).toEqual({
      TF_CPP_MIN_LOG_LEVEL: '2',
      TF_DETERMINISTIC_OPS: '1',
      TIVE_MEMORY_BYTES: String(8 * GIB),
      CUDA_VISIBLE_DEVICES: '-1',
      TF_NUM_INTRAOP_THREADS: '1',
      TF_NUM_INTEROP_THREADS: '1',
      MALLOC_MMAP_THRESHOLD_: '33554432',
      MALLOC_TRIM_THRESHOLD_: String(GIB),
      MALLOC_TOP_PAD_: '67108864',
      MALLOC_ARENA_MAX: '1',
    });
  });

  test('gives a GPU process its own device and memory that grows', () => {
    expect(computeEnvironment({ index: 3, gpu: 3, memoryBytes: 8 * GIB }, {})).toEqual({
      TF_CPP_MIN_LOG_LEVEL: '2',
      TF_DETERMINISTIC_OPS: '1',
      TIVE_MEMORY_BYTES: String(8 * GIB),
      CUDA_VISIBLE_DEVICES: '3',
      TF_FORCE_GPU_ALLOW_GROWTH: 'true',
      TF_GPU_ALLOCATOR: 'cuda_malloc_async',
    });
  });

  test('hands on what the user has, and lets it win', () => {
    const inherited = {
      HOME: '/home/me',
      TF_NUM_INTRAOP_THREADS: '8',
      TF_CPP_MIN_LOG_LEVEL: '0',
      MALLOC_ARENA_MAX: '4',
      TIVE_MEMORY_BYTES: '5e9',
    };
    expect(computeEnvironment({ index: 0, gpu: null, memoryBytes: GIB }, inherited)).toMatchObject({
      ...inherited,
      TF_NUM_INTEROP_THREADS: '1',
    });
    const gpu = computeEnvironment(
      { index: 0, gpu: 0, memoryBytes: GIB },
      { TF_GPU_ALLOCATOR: 'bfc', TF_DETERMINISTIC_OPS: '0' },
    );
    expect(gpu).toMatchObject({ TF_GPU_ALLOCATOR: 'bfc', TF_DETERMINISTIC_OPS: '0' });
  });

  test('does not let two processes share the device that one of them owns', () => {
    const devices = [0, 1].map(
      (gpu) =>
        computeEnvironment({ index: gpu, gpu, memoryBytes: GIB }, { CUDA_VISIBLE_DEVICES: '0' })[
          'CUDA_VISIBLE_DEVICES'
        ],
    );
    expect(devices).toEqual(['0', '1']);
  });
});
