import { open } from 'node:fs/promises';

/** How a file holds its rows: as JSON text, or packed together with their pictures. */
export type SourceKind = 'json' | 'parquet' | 'tar';

/** Extensions by which a folder's files of rows are told from others. A file's own form is told by its bytes alone. */
export const SOURCE_EXTENSION = /\.(jsonl?|parquet|tar)$/;

const MAGIC_PLACE_OF_TAR = 257;

/** The kind by the first bytes: `PAR1` is Parquet, `ustar` at byte 257 is tar, everything else is read as JSON. */
export async function sourceKind(path: string): Promise<SourceKind> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
    const text = buffer.subarray(0, bytesRead).toString('latin1');
    if (text.startsWith('PAR1')) return 'parquet';
    return text.startsWith('ustar', MAGIC_PLACE_OF_TAR) ? 'tar' : 'json';
  } finally {
    await file.close();
  }
}
