import { spawnSync } from 'node:child_process';

/** Mounts a small disk. @returns null, or why not */
export function mountSmallDisk(folder: string, megabytes: number): string | null {
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], {
    encoding: 'utf8',
  });
  return status === 0 ? null : `small disk: mount must be allowed, got ${(stderr ?? 'no mount').trim()}`;
}

export function unmount(folder: string): void {
  spawnSync('umount', ['-l', folder]);
}
