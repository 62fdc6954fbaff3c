// What a store is: values under keys, whole or not there.

/** Bytes to write, piece by piece. */
export type ByteChunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** What was written. */
export interface WrittenFile {
  /** Hex. */
  sha256: string;
  byteCount: number;
}

/** A value as a listing shows it. */
export interface StoredFile {
  key: string;
  byteCount: number;
  /** Milliseconds since the epoch, by the store's clock. */
  modifiedMs: number;
}

/** A write that has begun and is not complete: of a living writer, or what a dead one left. */
export interface OpenWrite {
  key: string;
  begunMs: number;
}

/**
 * Where artifacts and checkpoints lie: keys with `/`, values of bytes, nothing else.
 *
 * A write is whole or not there: no reader ever sees a half-written value, whatever dies in between. Writing a key
 * again replaces it; equal inputs give equal bytes, so it does not matter who was last.
 */
export interface Store {
  /** Address as given in the recipe. */
  readonly uri: string;
  /** Size in bytes, or null where there is no such key. */
  size(key: string): Promise<number | null>;
  /** The whole value. For small files. @throws Error with code `ENOENT` where there is no such key */
  read(key: string): Promise<Uint8Array>;
  /** The value as a stream of pieces, in order. */
  stream(key: string): AsyncIterable<Uint8Array>;
  write(key: string, chunks: ByteChunks): Promise<WrittenFile>;
  /** All keys that start with the folder's name and `/`, sorted. */
  list(folder: string): Promise<string[]>;
  /** Removes the folder and everything below it; nothing happens where there is none. */
  removeFolder(folder: string): Promise<void>;
  /** All values whose keys start with the folder's name and `/`, sorted by key. */
  entries(folder: string): Promise<StoredFile[]>;
  /** Writes below the folder that are not complete. */
  openWrites(folder: string): Promise<OpenWrite[]>;
  /**
   * Ends writes below the folder that are not complete and removes what they left: their writers are dead, or fail.
   * @param begunBeforeMs only those that have begun until then; all by default
   */
  endWrites(folder: string, begunBeforeMs?: number): Promise<void>;
  /** Free space in bytes, or null where nobody can tell. */
  freeBytes(): Promise<number | null>;
  /** A folder of this machine that holds the files below `folder` and no others, for what reads from paths. */
  localFolder(folder: string): Promise<string>;
  /** A file of this machine that holds a value. @throws Error with code `ENOENT` where there is no such key */
  localFile(key: string): Promise<string>;
  /** Forgets this machine's copy of a value, where the value itself lies elsewhere. @returns whether there was one */
  dropCopy(key: string): Promise<boolean>;
  /** Moves all values below a folder, which must be there, to another one. */
  moveFolder(folder: string, to: string): Promise<void>;
}
