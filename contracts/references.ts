// References to artifacts and files: what travels through Temporal in place of rows.

/** Version of the layout of all tables and artifacts, written to disk as `tive.schema_version`. */
export const SCHEMA_VERSION = 1;

/**
 * What travels instead of data: one finished artifact of the store.
 * Numbers per example never travel; they stay in the artifact's Arrow files.
 */
export interface ArtifactReference {
  /** Key of the artifact's folder below the store's address, e.g. `artifacts/values/3f9a…`. */
  uri: string;
  /** SHA-256, in hex, of the artifact's content: names and hashes of its files, row count, details. */
  sha256: string;
  /** Rows over all its Arrow files; 0 where there are none. */
  rowCount: number;
  schemaVersion: number;
}

/** One finished file of an artifact. */
export interface FileReference {
  /** Name inside the artifact's folder. */
  name: string;
  sha256: string;
  byteCount: number;
  /** Rows of an Arrow file; 0 for other files. */
  rowCount: number;
}
