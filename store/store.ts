/** Bytes to write, piece by piece. */
export type ByteChunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** What was written. */
export interface WrittenFile {
  /** Hex. */
  sha256: string;
  byteCount: number;
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
  /** Ends writes below the folder that are not complete and removes what they left: their writers are dead, or fail. */
  endWrites(folder: string): Promise<void>;
  /** Free space in bytes, or null where nobody can tell. */
  freeBytes(): Promise<number | null>;
  /** A folder of this machine that holds the files below `folder`, for libraries that read from paths. */
  localFolder(folder: string): Promise<string>;
}
