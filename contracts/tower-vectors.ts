// Vectors that pictures, videos and sounds become in a model's towers, before they become tokens.

/** Of what a row shows and lets hear. */
export interface RowVectors {
  /** Of all pictures. */
  pictures: number;
  /** Of all videos. */
  videos: number;
  /** Of each sound. */
  sounds: readonly number[];
}

/** What towers are given at once, padding included. */
export interface TowerVectors {
  pictures: number;
  videos: number;
  sounds: number;
}
