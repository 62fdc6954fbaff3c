// Memory of processes as the kernel counts it.
import { readFileSync, readdirSync } from 'node:fs';

/** Peak resident memory of this process, or null where there is no /proc. */
export function ownPeakBytes(): number | null {
  return statusBytes('self', 'VmHWM');
}

/** Resident memory of a process and all that descend from it, summed: pages that several share count several times. */
export function treeBytes(root: number): number {
  const children = new Map<number, number[]>();
  for (const name of listProc()) {
    const parent = Number(readStatus(name)?.match(/^PPid:\s+(\d+)/m)?.[1] ?? -1);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const sum = (pid: number): number =>
    (children.get(pid) ?? []).reduce((bytes, child) => bytes + sum(child), statusBytes(String(pid), 'VmRSS') ?? 0);
  return sum(root);
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
