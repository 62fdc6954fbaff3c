// The compute processes of a host: how many, and the environment of each.

/** One compute process of a host. */
export interface ComputeSlot {
  /** 0-based. */
  index: number;
  /** GPU that the process owns, or null on the CPU. */
  gpu: number | null;
}

/** Bytes that one CPU process needs: engine, a small model, one micro-batch. */
const BYTES_PER_PROCESS = 1.5 * 1024 ** 3;

/**
 * One process a GPU, else one a core as far as memory goes: two processes of one thread are faster than one of two, and
 * a crash costs one process and one micro-batch.
 */
export function planComputeSlots(
  host: { coreCount: number; memoryBytes: number; gpuCount: number },
  wanted: number | null,
): ComputeSlot[] {
  if (host.gpuCount > 0) {
    return Array.from({ length: Math.min(wanted ?? host.gpuCount, host.gpuCount) }, (_, index) => ({
      index,
      gpu: index,
    }));
  }
  const fitting = Math.max(1, Math.min(host.coreCount, Math.floor(host.memoryBytes / BYTES_PER_PROCESS)));
  return Array.from({ length: wanted ?? fitting }, (_, index) => ({ index, gpu: null }));
}

/**
 * Environment of a compute process, on top of the supervisor's own. Values that the user has set win.
 *
 * The malloc settings keep freed tensors in the heap: by default glibc gives large blocks back to the kernel at once,
 * and every micro-batch pays for new pages, a third of the time of small models.
 */
export function computeEnvironment(slot: ComputeSlot, inherited: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const common = { TF_CPP_MIN_LOG_LEVEL: '2', TF_DETERMINISTIC_OPS: '1' };
  const device =
    slot.gpu === null
      ? {
          CUDA_VISIBLE_DEVICES: '-1',
          TF_NUM_INTRAOP_THREADS: '1',
          TF_NUM_INTEROP_THREADS: '1',
          MALLOC_MMAP_THRESHOLD_: '33554432',
          MALLOC_TRIM_THRESHOLD_: '17179869184',
          MALLOC_TOP_PAD_: '67108864',
          MALLOC_ARENA_MAX: '1',
        }
      : { TF_FORCE_GPU_ALLOW_GROWTH: 'true', TF_GPU_ALLOCATOR: 'cuda_malloc_async' };
  const owned = slot.gpu === null ? {} : { CUDA_VISIBLE_DEVICES: String(slot.gpu) };
  return { ...common, ...device, ...inherited, ...owned };
}
