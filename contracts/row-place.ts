// The place of a row in its source, and its length.

/** Where a row stands in its source. */
export interface RowPlace {
  rowIndex: number;
  sourceIndex: number;
  byteStart: number;
  byteEnd: number;
  /** 32 bytes, as the dataset stage saw it; null before it. */
  contentHash: Uint8Array | null;
}

/** A row's place, and how long it is for the model. */
export interface CountedPlace extends RowPlace {
  tokenCount: number;
  /** Tokens of its answers, those at the first position left out. */
  supervisedTokenCount: number;
}
