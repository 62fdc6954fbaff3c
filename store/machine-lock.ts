// A lock among the processes of one machine.
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A lock without a living owner is taken over after this. */
const ORPHAN_MS = 5000;
const POLL_MS = 200;

/** Runs `work` while no other process on this machine runs work under the same lock, a folder that comes and goes. */
export async function withLockAt<Result>(lock: string, work: () => Promise<Result>): Promise<Result> {
  await mkdir(dirname(lock), { recursive: true });
  while (!(await takeLock(lock))) await sleep(POLL_MS);
  try {
    return await work();
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

async function takeLock(lock: string): Promise<boolean> {
  try {
    await mkdir(lock);
    await writeFile(join(lock, 'pid'), String(process.pid));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (await isOrphan(lock)) await rm(lock, { recursive: true, force: true });
    return false;
  }
}

async function isOrphan(lock: string): Promise<boolean> {
  // 0 where there is no whole pid: the owner has just made the lock, or died or met a full disk in between.
  const pid = Number(await readFile(join(lock, 'pid'), 'utf8').catch(() => 0));
  if (!(pid > 0)) {
    const { mtimeMs } = await stat(lock).catch(() => ({ mtimeMs: Date.now() }));
    return Date.now() - mtimeMs > ORPHAN_MS;
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
