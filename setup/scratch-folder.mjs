// Where tests put what they make and throw away: in memory, where the machine has room for it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const IN_MEMORY = '/dev/shm';
const LEAST_BYTES = 4 * 2 ** 30;

/**
 * Stores and servers write every file through to the disk, which takes time and is nothing that a test claims. Removed
 * when this process ends.
 */
export function scratchFolder() {
  const folder = makeFolder();
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  return folder;
}

function makeFolder() {
  if (!existsSync(IN_MEMORY) || freeBytes(IN_MEMORY) < LEAST_BYTES || process.availableMemory() < 2 * LEAST_BYTES)
    return mkdtempSync(join(tmpdir(), 'tive-tests-'));
  const folder = mkdtempSync(join(IN_MEMORY, 'tive-tests-'));
  if (runsPrograms(folder)) return folder;
  rmSync(folder, { recursive: true });
  return mkdtempSync(join(tmpdir(), 'tive-tests-'));
}

function freeBytes(folder) {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** Whether it is mounted so that what lies in it may be run. */
function runsPrograms(folder) {
  const program = join(folder, 'try');
  writeFileSync(program, '#!/bin/sh\n', { mode: 0o700 });
  const { status } = spawnSync(program);
  rmSync(program);
  return status === 0;
}
