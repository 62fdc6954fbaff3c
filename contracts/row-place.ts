// The place of a row in its source, and its length.
import type { PictureChange } from './augmentation.ts';

/** Where a row stands in its source. */
export interface RowPlace {
  rowIndex: number;
  sourceIndex: number;
  byteStart: number;
  byteEnd: number;
  /** 32 bytes, as the dataset stage saw it; null before it. */
  contentHash: Uint8Array | null;
  /** What is done to the pictures of this copy of the row; absent: nothing. */
  change?: PictureChange;
}

/** A row's place, and how long it is for the model. */
export interface CountedPlace extends RowPlace {
  tokenCount: number;
  /** Tokens of its answers, those at the first position left out. */
  supervisedTokenCount: number;
}
