import { open } from 'node:fs/promises';

/** How a file holds its rows: as JSON text, or packed together with their pictures. */
export type SourceKind = 'json' | 'parquet' | 'tar';

/** Extensions by which files of rows are told from others. A file's own form is told by its bytes alone. */
export const SOURCE_EXTENSION = /\.(jsonl?|parquet|tar)$/;

/** Files about rows that stand beside them: LLaMA-Factory's description, the recipe's schema, rows that were set aside. */
const BESIDE_ROWS = /^\.|^dataset_info\.json$|^tive\.schema\.json$|(^|\.)quarantine\.jsonl$/;

/** Whether a file of a folder is one of its files of rows. */
export function isSourceName(name: string): boolean {
  return SOURCE_EXTENSION.test(name) && !BESIDE_ROWS.test(name);
}

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
