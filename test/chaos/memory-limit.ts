import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A control group of processes that together may use so much memory: beyond it the kernel kills one. */
export interface MemoryLimit {
  /** Runs a command in it. */
  prefix: readonly string[];
  close(): void;
}

/** Folders of control groups, of both versions, with the file that holds the limit. */
const HIERARCHIES = [
  { folder: '/sys/fs/cgroup/memory', file: 'memory.limit_in_bytes' },
  { folder: '/sys/fs/cgroup', file: 'memory.max' },
];

/** @returns in words why there can be none */
export function limitMemory(bytes: number): MemoryLimit | string {
  const refusals: string[] = [];
  for (const { folder, file } of HIERARCHIES) {
    const group = join(folder, `tive-${process.pid}`);
    try {
      mkdirSync(group);
      writeFileSync(join(group, file), String(bytes), { flag: 'r+' });
      const script = `echo $$ > ${join(group, 'cgroup.procs')} && exec "$@"`;
      return { prefix: ['sh', '-c', script, 'sh'], close: () => rmdirSync(group) };
    } catch (error) {
      refusals.push((error as Error).message);
    }
  }
  return `memory limits: control groups must be writable, got ${refusals.join('; ')}`;
}
