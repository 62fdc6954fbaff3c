// Memory of processes as the kernel counts it.
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
