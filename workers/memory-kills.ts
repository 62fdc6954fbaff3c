// Processes that the kernel killed for lack of memory.
import { readFileSync } from 'node:fs';

const COUNTERS = '/proc/vmstat';

/**
 * How many processes of this machine the kernel has killed for lack of memory since it started, those above the limit
 * of their control group included.
 * @returns null where the kernel does not tell: elsewhere than on Linux
 */
export function memoryKillCount(path: string = COUNTERS): number | null {
  try {
    const [, count] = /^oom_kill (\d+)$/m.exec(readFileSync(path, 'utf8')) ?? [];
    return count === undefined ? null : Number(count);
  } catch {
    return null;
  }
}

/**
 * How a process ended, in words: exit code or signal, and whether the kernel has killed for lack of memory meanwhile.
 */
export function describeEnd(code: number | null, signal: string | null, killsBefore: number | null): string {
  const killsNow = signal === 'SIGKILL' ? memoryKillCount() : null;
  const outOfMemory = killsNow !== null && killsBefore !== null && killsNow > killsBefore;
  return outOfMemory ? 'SIGKILL: out of memory' : String(signal ?? code);
}
