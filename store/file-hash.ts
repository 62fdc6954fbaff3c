// Hashes of files of this machine, each file hashed once a process.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

/** Bytes that are read at a time. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** Hashes by path, inode, size and time of change: of a file that was written anew they are another entry. */
const known = new Map<string, string>();

/** Hex SHA-256 of a file; read again only where it has changed. @throws Error with code `ENOENT` where there is none */
export async function hashFile(path: string): Promise<string> {
  const { ino, size, mtimeMs } = await stat(path);
  const key = `${path} ${ino} ${size} ${mtimeMs}`;
  let hash = known.get(key);
  if (hash === undefined) {
    const sum = createHash('sha256');
    for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) sum.update(piece as Uint8Array);
    known.set(key, (hash = sum.digest('hex')));
  }
  return hash;
}
