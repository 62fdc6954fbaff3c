// The memory that there is for one compute process.
import { spawnSync } from 'node:child_process';
import { totalmem } from 'node:os';
import { MEMORY_VARIABLE } from '../../contracts/memory-variable.ts';

/** What a process keeps back for the system and the processes beside. */
const USABLE_SHARE = 0.95;

/** Pictures' vectors are kept up to this, and up to this part of the memory. */
const MAX_CACHE_BYTES = 512 * 1024 ** 2;
const CACHE_SHARE = 1 / 32;

/** Memory of this machine, or of the container or control group that the process runs in. */
export function hostMemory(): number {
  // No limit is a number beyond any machine.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** What this process may use in main memory: as its supervisor says, else all that there is. */
export function processMemory(environment: NodeJS.ProcessEnv = process.env): number {
  const said = Number(environment[MEMORY_VARIABLE]);
  return said > 0 ? said : Math.floor(USABLE_SHARE * hostMemory());
}

/** Bound of the vectors of pictures that a process keeps: they pay where a picture comes again and there is room. */
export function cacheBytesOf(memoryBytes: number): number {
  return Math.min(MAX_CACHE_BYTES, Math.floor(CACHE_SHARE * memoryBytes));
}

let deviceBytes: number | null | undefined;

/** Memory of the first GPU; null where there is none, or none tells. Asked once a process. */
export function deviceMemory(): number | null {
  deviceBytes ??= askDevice();
  return deviceBytes;
}

function askDevice(): number | null {
  const query = ['--query-gpu=memory.total', '--format=csv,noheader,nounits'];
  const { stdout, status } = spawnSync('nvidia-smi', query, { encoding: 'utf8', timeout: 5000 });
  const mebibytes = status === 0 ? Number(stdout.split('\n')[0]) : NaN;
  return mebibytes > 0 ? mebibytes * 1024 ** 2 : null;
}
