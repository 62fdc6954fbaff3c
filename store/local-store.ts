// The store in a folder of this machine or of a shared file system.
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, rmSync } from 'node:fs';
import type { Dirent } from 'node:fs';
import { mkdir, open, readFile, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { keyParts } from './keys.ts';
import type { ByteChunks, OpenWrite, Store, StoredFile, WrittenFile } from './store.ts';

/** Ending of a file that is being written. Readers and listings never see it. */
const PARTIAL_SUFFIX = '.partial';

/** Bytes that are read at a time: record batches then mostly lie in one piece and are not copied. */
const STREAM_BYTES = 4 * 1024 * 1024;

/** Files that this process is writing. */
const openPartials = new Set<string>();

/** Removes the unfinished files of this process, which is about to end. */
export function removeOpenPartials(): void {
  for (const path of openPartials) rmSync(path, { force: true });
}

/** Whom files are for, as far as they and their folders are made by the store. */
export interface LocalStoreAccess {
  /** Whether all is its owner's alone. */
  isPrivate?: boolean;
  /** Whether the store's own folder is: who shares a store makes that folder first. */
  hasPrivateRoot?: boolean;
}

/** A store in a folder, local or shared. Writes go to a temporary name, are flushed to the disk, then renamed. */
export class LocalStore implements Store {
  readonly uri: string;
  readonly #root: string;
  readonly #modes: { file: number; folder: number; root: number };

  constructor(uri: string, { isPrivate = false, hasPrivateRoot = isPrivate }: LocalStoreAccess = {}) {
    this.uri = uri;
    this.#root = resolve(uri);
    const [file, folder] = isPrivate ? [0o600, 0o700] : [0o666, 0o777];
    this.#modes = { file, folder, root: hasPrivateRoot ? 0o700 : 0o777 };
  }

  async size(key: string): Promise<number | null> {
    try {
      return (await stat(this.#path(key))).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  read(key: string): Promise<Uint8Array> {
    return readFile(this.#path(key));
  }

  stream(key: string): AsyncIterable<Uint8Array> {
    return createReadStream(this.#path(key), { highWaterMark: STREAM_BYTES });
  }

  async write(key: string, chunks: ByteChunks): Promise<WrittenFile> {
    const path = this.#path(key);
    const partial = `${path}.${randomUUID()}${PARTIAL_SUFFIX}`;
    await mkdir(this.#root, { recursive: true, mode: this.#modes.root });
    await mkdir(dirname(path), { recursive: true, mode: this.#modes.folder });
    const file = await open(partial, 'wx', this.#modes.file);
    openPartials.add(partial);
    try {
      const written = await writeAll(file, chunks);
      await file.sync();
      await file.close();
      await rename(partial, path);
      await syncFolder(dirname(path));
      return written;
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(partial, { force: true });
      throw error;
    } finally {
      openPartials.delete(partial);
    }
  }

  async list(folder: string): Promise<string[]> {
    const root = this.#path(folder);
    const files = (await filesBelow(root)).filter(({ name }) => !name.endsWith(PARTIAL_SUFFIX));
    const relative = files.map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + 1)
        .split(sep)
        .join('/'),
    );
    return relative.sort().map((name) => `${folder}/${name}`);
  }

  async removeFolder(folder: string): Promise<void> {
    await rm(this.#path(folder), { recursive: true, force: true });
  }

  async entries(folder: string): Promise<StoredFile[]> {
    const entries: StoredFile[] = [];
    for (const key of await this.list(folder)) {
      const found = await stat(this.#path(key)).catch(() => null);
      if (found !== null) entries.push({ key, byteCount: found.size, modifiedMs: found.mtimeMs });
    }
    return entries;
  }

  async openWrites(folder: string): Promise<OpenWrite[]> {
    const root = this.#path(folder);
    const partial = (await filesBelow(root)).filter(({ name }) => name.endsWith(PARTIAL_SUFFIX));
    const writes: OpenWrite[] = [];
    for (const { parentPath, name } of partial) {
      const found = await stat(join(parentPath, name)).catch(() => null);
      const key = [
        folder,
        ...join(parentPath, name)
          .slice(root.length + 1)
          .split(sep),
      ].join('/');
      if (found !== null) writes.push({ key, begunMs: found.birthtimeMs });
    }
    return writes;
  }

  async endWrites(folder: string, begunBeforeMs: number = Infinity): Promise<void> {
    for (const { key, begunMs } of await this.openWrites(folder))
      if (begunMs <= begunBeforeMs) await rm(this.#path(key), { force: true });
  }

  async freeBytes(): Promise<number | null> {
    await mkdir(this.#root, { recursive: true, mode: this.#modes.root });
    const { bavail, bsize } = await statfs(this.#root);
    return bavail * bsize;
  }

  async localFolder(folder: string): Promise<string> {
    return Promise.resolve(this.#path(folder));
  }

  async localFile(key: string): Promise<string> {
    const path = this.#path(key);
    await stat(path);
    return path;
  }

  dropCopy(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async moveFolder(folder: string, to: string): Promise<void> {
    const target = this.#path(to);
    await mkdir(dirname(target), { recursive: true });
    await rename(this.#path(folder), target);
  }

  #path(key: string): string {
    return join(this.#root, ...keyParts(key));
  }
}

async function filesBelow(root: string): Promise<Dirent[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  return entries.filter((entry) => entry.isFile());
}

async function writeAll(file: FileHandle, chunks: ByteChunks): Promise<WrittenFile> {
  const hash = createHash('sha256');
  let byteCount = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    for (let done = 0; done < chunk.byteLength;) {
      const { bytesWritten } = await file.write(chunk, done, chunk.byteLength - done);
      done += bytesWritten;
    }
    byteCount += chunk.byteLength;
  }
  return { sha256: hash.digest('hex'), byteCount };
}

/** Makes the rename itself durable. Some file systems refuse to sync a folder; the data is flushed either way. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null);
  if (folder === null) return;
  await folder.sync().catch(() => undefined);
  await folder.close();
}
