// The compute processes of a host: how many, and the environment of each.
import { availableParallelism, freemem } from 'node:os';
import { MEMORY_VARIABLE } from '../contracts/memory-variable.ts';

/** One compute process of a host. */
export interface ComputeSlot {
  /** 0-based. */
  index: number;
  /** GPU that the process owns, or null on the CPU. */
  gpu: number | null;
  /** What it may use of the host's memory. */
  memoryBytes: number;
}

/** What of a host decides over its processes. */
export interface Host {
  coreCount: number;
  /** That can be used. */
  memoryBytes: number;
  gpuCount: number;
}

/** This host as it is now, or the container or control group that this process runs in. */
export function thisHost(gpuCount: number): Host {
  // No limit is a number beyond any machine.
  const limit = process.constrainedMemory();
  const memoryBytes = limit > 0 ? Math.min(limit, freemem()) : freemem();
  return { coreCount: availableParallelism(), memoryBytes, gpuCount };
}

/** What all compute processes leave of the memory to the processes beside them. */
const USABLE_SHARE = 0.95;

/** Bytes that one CPU process needs: engine, a small model, one micro-batch. */
const BYTES_PER_PROCESS = 1.5 * 1024 ** 3;

/**
 * One process a GPU, else one a core as far as memory goes: two processes of one thread are faster than one of two, and
 * a crash costs one process and one micro-batch.
 */
export function planComputeSlots({ coreCount, memoryBytes, gpuCount }: Host, wanted: number | null): ComputeSlot[] {
  const fitting = Math.max(1, Math.min(coreCount, Math.floor(memoryBytes / BYTES_PER_PROCESS)));
  const count = gpuCount > 0 ? Math.min(wanted ?? gpuCount, gpuCount) : (wanted ?? fitting);
  return Array.from({ length: count }, (_, index) => ({
    index,
    gpu: gpuCount > 0 ? index : null,
    memoryBytes: Math.floor((USABLE_SHARE * memoryBytes) / count),
  }));
}

/** Freed memory of the heap that is kept, at most, and as a part of what a process may use. */
const MOST_KEPT_BYTES = 16 * 1024 ** 3;
const KEPT_SHARE = 1 / 8;

/**
 * Environment of a compute process, on top of the supervisor's own. Values that the user has set win.
 *
 * The malloc settings keep freed tensors in the heap: by default glibc gives large blocks back to the kernel at once,
 * and every micro-batch pays for new pages, a third of the time of small models. What is kept is bounded by what a
 * process may use, so that a large model's goes back.
 */
export function computeEnvironment(slot: ComputeSlot, inherited: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Math.min(MOST_KEPT_BYTES, Math.floor(KEPT_SHARE * slot.memoryBytes));
  const common = {
    TF_CPP_MIN_LOG_LEVEL: '2',
    TF_DETERMINISTIC_OPS: '1',
    [MEMORY_VARIABLE]: String(slot.memoryBytes),
  };
  const device =
    slot.gpu === null
      ? {
          CUDA_VISIBLE_DEVICES: '-1',
          TF_NUM_INTRAOP_THREADS: '1',
          TF_NUM_INTEROP_THREADS: '1',
          MALLOC_MMAP_THRESHOLD_: '33554432',
          MALLOC_TRIM_THRESHOLD_: String(kept),
          MALLOC_TOP_PAD_: '67108864',
          MALLOC_ARENA_MAX: '1',
        }
      : { TF_FORCE_GPU_ALLOW_GROWTH: 'true', TF_GPU_ALLOCATOR: 'cuda_malloc_async' };
  const owned = slot.gpu === null ? {} : { CUDA_VISIBLE_DEVICES: String(slot.gpu) };
  return { ...common, ...device, ...inherited, ...owned };
}
