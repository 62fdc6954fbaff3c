// Memory and processor time of processes as the kernel counts them.
import { readFileSync, readdirSync } from 'node:fs';

/** Peak resident memory of this process, or null where there is no /proc. */
export function ownPeakBytes(): number | null {
  return statusBytes('self', 'VmHWM');
}

/** Resident memory of a process and all that descend from it, summed: pages that several share count several times. */
export function treeBytes(root: number): number {
  return descendants(root).reduce((bytes, pid) => bytes + (statusBytes(String(pid), 'VmRSS') ?? 0), 0);
}

/** Peak resident memory so far of a process and of each that descends from it, by process id. */
export function peaksOfTree(root: number): Map<number, number> {
  return new Map(descendants(root).map((pid) => [pid, statusBytes(String(pid), 'VmHWM') ?? 0]));
}

/** Ticks of the kernel's counters of time: the same on all that Linux runs on today. */
const TICKS_A_SECOND = 100;

/** Processor time of a process and all that descend from it, those that have ended and were waited for included. */
export function processorSeconds(root: number): number {
  return descendants(root).reduce((seconds, pid) => seconds + ticksOf(pid) / TICKS_A_SECOND, 0);
}

/** User and system time, its own and that of ended children. */
function ticksOf(pid: number): number {
  try {
    // Behind the name, which may hold anything.
    const [, fields = ''] = /\) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return fields
      .split(' ')
      .slice(11, 15)
      .reduce((sum, field) => sum + Number(field), 0);
  } catch {
    return 0;
  }
}

/** A process and all that descend from it. */
function descendants(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of listProc()) {
    const parent = Number(readStatus(name)?.match(/^PPid:\s+(\d+)/m)?.[1] ?? -1);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const below = (pid: number): number[] => [pid, ...(children.get(pid) ?? []).flatMap(below)];
  return below(root);
}

function listProc(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function statusBytes(process: string, field: 'VmHWM' | 'VmRSS'): number | null {
  const [, kibibytes] = readStatus(process)?.match(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm')) ?? [];
  return kibibytes === undefined ? null : 1024 * Number(kibibytes);
}

/** Null where the process has ended, or there is no /proc. */
function readStatus(process: string): string | null {
  try {
    return readFileSync(`/proc/${process}/status`, 'utf8');
  } catch {
    return null;
  }
}
