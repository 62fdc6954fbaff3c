// Content hashes of rows, as columns of tables hold them: 32 bytes a row, one after the other.

/** Bytes of a SHA-256. */
export const HASH_BYTES = 32;

/** The hash of a row of a column as a key of maps, a character a byte. */
export function contentKeyAt(hashes: Uint8Array, row: number): string {
  return Buffer.from(hashes.subarray(row * HASH_BYTES, (row + 1) * HASH_BYTES)).toString('latin1');
}

/** The hash of a row of a column in hex. */
export function contentHexAt(hashes: Uint8Array, row: number): string {
  return Buffer.from(hashes.subarray(row * HASH_BYTES, (row + 1) * HASH_BYTES)).toString('hex');
}

/** A copy of the hash of a row of a column. */
export function contentHashAt(hashes: Uint8Array, row: number): Uint8Array {
  return hashes.slice(row * HASH_BYTES, (row + 1) * HASH_BYTES);
}

/** Hashes as a column. */
export function hashColumn(hashes: readonly Uint8Array[]): Uint8Array {
  const column = new Uint8Array(hashes.length * HASH_BYTES);
  for (const [row, hash] of hashes.entries()) column.set(hash, row * HASH_BYTES);
  return column;
}

/** The hashes of some rows of a column as a column of their own. */
export function pickHashes(hashes: Uint8Array, rows: ArrayLike<number>): Uint8Array {
  const column = new Uint8Array(rows.length * HASH_BYTES);
  for (let place = 0; place < rows.length; place += 1) {
    const start = rows[place]! * HASH_BYTES;
    column.set(hashes.subarray(start, start + HASH_BYTES), place * HASH_BYTES);
  }
  return column;
}
