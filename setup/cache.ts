// The cache folder of downloads and builds, and its lock.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { withLockAt } from '../store/machine-lock.ts';

/** Where downloaded and compiled things lie: `TIVE_CACHE`, else `~/.cache/tive`. */
export function cacheFolder(): string {
  return process.env['TIVE_CACHE'] || join(homedir(), '.cache', 'tive');
}

/** Runs `work` while no other process on this machine runs work of the same name. */
export function withLock<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  return withLockAt(join(cacheFolder(), 'locks', `${name}.lock`), work);
}
