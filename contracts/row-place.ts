// The place of a row in its source.

/** Where a row stands in its source. */
export interface RowPlace {
  rowIndex: number;
  sourceIndex: number;
  byteStart: number;
  byteEnd: number;
  /** 32 bytes, as the dataset stage saw it; null before it. */
  contentHash: Uint8Array | null;
}
