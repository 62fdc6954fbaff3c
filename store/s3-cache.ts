// Files of a bucket on this machine.
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { keyParts } from './keys.ts';
import { machineFolder } from './machine-folder.ts';
import type { S3Bucket, S3Settings } from './s3-client.ts';
import { download } from './s3-download.ts';
import { S3Error } from './s3-errors.ts';
import type { ListedValue } from './s3-listing.ts';

/**
 * Where files of a store lie on this machine: below `TIVE_CACHE`, else `~/.cache/tive`.
 */
export function cacheOf(uri: string, { endpoint }: S3Settings): string {
  const store = createHash('sha256')
    .update(`${endpoint ?? ''}\n${uri}`)
    .digest('hex')
    .slice(0, 16);
  return join(machineFolder('s3'), store);
}

/**
 * Brings a value onto this machine, once: a file of its size and time is the same. It is written to a temporary name
 * and renamed, so processes that do it at the same time do not disturb each other.
 */
export async function bring(bucket: S3Bucket, value: ListedValue, root: string, key: string): Promise<void> {
  const path = join(root, ...keyParts(key));
  const found = await stat(path).catch(() => null);
  if (found?.size === value.byteCount && found.mtimeMs === value.modifiedMs) return;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.${randomUUID()}.partial`;
  try {
    await pipeline(download(bucket, value.key), createWriteStream(partial, { flags: 'wx', mode: 0o600 }));
    const { size } = await stat(partial);
    if (size !== value.byteCount) {
      const place = `s3://${bucket.name}/${value.key}`;
      throw new S3Error(`${place}: value must have ${value.byteCount} bytes, got ${size}`, 'IncompleteBody', null);
    }
    await utimes(partial, value.modifiedMs / 1000, value.modifiedMs / 1000);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Removes files below a folder that are not among `paths`: values that are gone. What is being brought stays. */
export async function removeOthers(folder: string, paths: ReadonlySet<string>): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !path.endsWith('.partial') && !paths.has(path)) await rm(path, { force: true });
  }
}
