// Files that others made: small ones as text, and whether one may be opened at all.
import type { Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { InvalidConfigError } from './failures.ts';

/**
 * Refuses what only looks like a file: reading a pipe waits for a writer, a device may never end.
 * @returns its size in bytes, or null where there is nothing of the name
 * @throws InvalidConfigError for a folder, pipe, socket or device
 */
export async function fileSize(path: string): Promise<number | null> {
  const found = await stat(path).catch(absent);
  if (found === null) return null;
  if (found.isFile()) return found.size;
  throw new InvalidConfigError(`${basename(path)}: must be a file, got ${kindOf(found)} at ${path}`);
}

/** What a path leads to that is no file, in words. */
export function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a pipe';
  return found.isSocket() ? 'a socket' : 'a device';
}

/** No folder of a model has a larger text; the largest tokenizers have some 40 MB. */
const MOST_BYTES = 256 * 1024 ** 2;

/**
 * Text of a file, or null where there is none.
 * @throws InvalidConfigError for what is no file, or too large to be one of texts
 */
export async function readTextFile(path: string): Promise<string | null> {
  const size = await fileSize(path);
  if (size === null) return null;
  if (size > MOST_BYTES)
    throw new InvalidConfigError(
      `${basename(path)}: must have at most ${MOST_BYTES.toLocaleString('en')} bytes, got ${size.toLocaleString('en')}`,
    );
  return readFile(path, 'utf8').catch(absent);
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
  throw error;
}
