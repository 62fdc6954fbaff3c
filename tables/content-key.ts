/** Content hash of a row of a table as a key of maps: its 32 bytes, a character each. `hashes` is a batch's column. */
export function contentKeyAt(hashes: Uint8Array, row: number): string {
  return Buffer.from(hashes.subarray(row * 32, (row + 1) * 32)).toString('latin1');
}
