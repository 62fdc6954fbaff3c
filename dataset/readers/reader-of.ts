// Which files are files of rows, by their names, and which reader reads one, by its bytes.
import { open } from 'node:fs/promises';
import type { WritePicture } from './packed-row.ts';
import { hasSourceExtension, READERS } from './readers.ts';
import type { Reader } from './readers.ts';

/**
 * Files about rows that stand beside them: descriptions of LLaMA-Factory and Hugging Face, the recipe's schema, rows
 * that were set aside.
 */
const BESIDE_ROWS = /^\.|^dataset_infos?\.json$|^dataset_dict\.json$|^tive\.schema\.json$|(^|\.)quarantine\.jsonl$/;

/** Whether a file of a folder is one of its files of rows. */
export function isSourceName(name: string): boolean {
  return hasSourceExtension(name) && !BESIDE_ROWS.test(name);
}

/** Bytes within which all readers' magic stands. */
const HEAD_BYTES = 512;

/** The reader of a file by its first bytes, whatever its name: where nothing else tells, it is read as JSON. */
export async function readerOf(path: string): Promise<Reader> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const head = buffer.subarray(0, bytesRead).toString('latin1');
    const [json, ...packed] = READERS;
    return packed.find(({ magic }) => head.startsWith(magic.text, magic.place)) ?? json;
  } finally {
    await file.close();
  }
}

/**
 * Rows of a file in which they are packed with their pictures, as JSON texts of a line; null where it is JSON already.
 */
export async function packedRows(path: string, writePicture: WritePicture): Promise<AsyncGenerator<Uint8Array> | null> {
  const reader = await readerOf(path);
  return reader.open === null ? null : reader.open(path, writePicture);
}
