// The database file of an embedded Temporal server: whole, or out of the way.
import { open, rename, rm, stat } from 'node:fs/promises';

const MAGIC = 'SQLite format 3\0';
const HEADER_BYTES = 100;

/** What SQLite leaves beside a database. */
const COMPANIONS = ['-journal', '-wal', '-shm'] as const;

/** Removes a database: what a run has done is in its store. Nothing happens where there is none. */
export async function removeDatabase(path: string): Promise<void> {
  for (const suffix of ['', ...COMPANIONS]) await rm(path + suffix, { force: true });
}

/**
 * Renames a damaged database.
 * @returns where it lies now
 */
export async function setDatabaseAside(path: string): Promise<string> {
  const target = `${path}.damaged-${Date.now()}`;
  await rename(path, target);
  // They belong to the database by its name.
  await removeDatabase(path);
  return target;
}

/** Why a file can be no whole database of SQLite, by its header and size; null where it may be one, or is not there. */
export async function databaseDamage(path: string): Promise<string | null> {
  const found = await stat(path).catch(() => null);
  if (found === null) return null;
  const header = Buffer.alloc(HEADER_BYTES);
  const bytesRead = await readHeader(path, header);
  if (bytesRead === 0) return 'an empty file';
  if (bytesRead < HEADER_BYTES || header.toString('latin1', 0, MAGIC.length) !== MAGIC) return 'other bytes';
  const size = header.readUInt16BE(16);
  const pageBytes = size === 1 ? 65_536 : size;
  // The count of pages holds where it was written with the last change; a journal may put back the pages of before.
  const isCounted = header.readUInt32BE(24) === header.readUInt32BE(92);
  const wanted = header.readUInt32BE(28) * pageBytes;
  return isCounted && found.size < wanted ? `${found.size} of ${wanted} bytes` : null;
}

async function readHeader(path: string, header: Buffer): Promise<number> {
  const file = await open(path, 'r');
  try {
    return (await file.read(header, 0, header.length, 0)).bytesRead;
  } finally {
    await file.close();
  }
}
