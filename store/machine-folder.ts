// Folders of this machine for what can be made again, filled once.
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { keyParts } from './keys.ts';
import { withLockAt } from './machine-lock.ts';
import type { ByteChunks } from './store.ts';

/** Where a machine keeps what it can fetch or make again: `TIVE_CACHE`, else `~/.cache/tive`. */
export function cacheFolder(): string {
  return process.env['TIVE_CACHE'] || join(homedir(), '.cache', 'tive');
}

/** The part of {@link cacheFolder} for one kind of things. */
export function machineFolder(name: string): string {
  return join(cacheFolder(), name);
}

/** Writes one file of a folder that is being filled. */
export type WriteFile = (key: string, bytes: Uint8Array | ByteChunks) => Promise<void>;

/**
 * Fills a folder once on this machine, whole or not at all: it is filled under a temporary name and renamed. Of
 * processes that want it at the same time one fills it and the others wait. A folder that has lost files since, or in
 * which one has another size, is filled anew: a list beside it says what was written.
 */
export async function fillOnce(folder: string, fill: (write: WriteFile) => Promise<void>): Promise<void> {
  if (await isWhole(folder)) return;
  await withLockAt(`${folder}.lock`, async () => {
    if (await isWhole(folder)) return;
    const partial = `${folder}.${randomUUID()}.partial`;
    const sizes: FileSizes = {};
    const made = new Set<string>();
    const write: WriteFile = async (key, bytes) => {
      const path = join(partial, ...keyParts(key));
      if (!made.has(dirname(path))) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      made.add(dirname(path));
      const chunks = bytes instanceof Uint8Array ? [bytes] : bytes;
      const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
      await pipeline(Readable.from(chunks), file);
      sizes[key] = file.bytesWritten;
    };
    try {
      await mkdir(partial, { recursive: true, mode: 0o700 });
      await fill(write);
      await writeFile(listOf(folder), JSON.stringify(sizes), { mode: 0o600 });
      await rm(folder, { recursive: true, force: true });
      await rename(partial, folder);
    } catch (error) {
      await rm(partial, { recursive: true, force: true });
      throw error;
    }
  });
}

/** Bytes of every file by its key. */
type FileSizes = Record<string, number>;

const listOf = (folder: string): string => `${folder}.files.json`;

/** Files that are looked at at a time. */
const LOOKED_AT = 64;

async function isWhole(folder: string): Promise<boolean> {
  const list = await readFile(listOf(folder), 'utf8').catch(() => null);
  if (list === null) return false;
  const files = Object.entries(JSON.parse(list) as FileSizes);
  for (let start = 0; start < files.length; start += LOOKED_AT) {
    const found = files.slice(start, start + LOOKED_AT).map(async ([key, byteCount]) => {
      const { size } = await stat(join(folder, ...keyParts(key))).catch(() => ({ size: -1 }));
      return size === byteCount;
    });
    if ((await Promise.all(found)).includes(false)) return false;
  }
  return true;
}
