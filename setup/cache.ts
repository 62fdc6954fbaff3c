// The lock of downloads and builds in the cache folder.
import { join } from 'node:path';
import { cacheFolder } from '../store/machine-folder.ts';
import { withLockAt } from '../store/machine-lock.ts';

/** Runs `work` while no other process on this machine runs work of the same name. */
export function withLock<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  return withLockAt(join(cacheFolder(), 'locks', `${name}.lock`), work);
}
