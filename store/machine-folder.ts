// Folders of this machine for what can be made again, filled once.
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { keyParts } from './keys.ts';
import { withLockAt } from './machine-lock.ts';
import type { ByteChunks } from './store.ts';

/**
 * Where a machine keeps what it can make again: below `TIVE_CACHE`, else in a folder of this user's for temporary
 * files.
 */
export function machineFolder(name: string): string {
  const cache = process.env['TIVE_CACHE'];
  return cache ? join(cache, name) : join(tmpdir(), `tive-${name}-${userInfo().uid}`);
}

/** Writes one file of a folder that is being filled. */
export type WriteFile = (key: string, bytes: Uint8Array | ByteChunks) => Promise<void>;

/**
 * Fills a folder once on this machine, whole or not at all: it is filled under a temporary name and renamed. Of
 * processes that want it at the same time one fills it and the others wait.
 */
export async function fillOnce(folder: string, fill: (write: WriteFile) => Promise<void>): Promise<void> {
  const isThere = async (): Promise<boolean> => (await stat(folder).catch(() => null)) !== null;
  if (await isThere()) return;
  await withLockAt(`${folder}.lock`, async () => {
    if (await isThere()) return;
    const partial = `${folder}.${randomUUID()}.partial`;
    const made = new Set<string>();
    const write: WriteFile = async (key, bytes) => {
      const path = join(partial, ...keyParts(key));
      if (!made.has(dirname(path))) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      made.add(dirname(path));
      const chunks = bytes instanceof Uint8Array ? [bytes] : bytes;
      await pipeline(Readable.from(chunks), createWriteStream(path, { flags: 'wx', mode: 0o600 }));
    };
    try {
      await mkdir(partial, { recursive: true, mode: 0o700 });
      await fill(write);
      await rename(partial, folder);
    } catch (error) {
      await rm(partial, { recursive: true, force: true });
      throw error;
    }
  });
}
