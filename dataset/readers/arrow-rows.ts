// Rows and pictures of an Arrow stream, as Hugging Face's `save_to_disk` writes it.
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { RecordBatchReader, Vector } from 'apache-arrow';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import type { WritePicture } from './packed-row.ts';
import { unpackRow } from './unpack-row.ts';

/**
 * Rows of an Arrow stream as JSON texts of a line, a record batch in memory at a time; columns become what they become
 * of Parquet.
 * @throws InvalidDatasetError where the file is damaged
 */
export async function* arrowRows(path: string, writePicture: WritePicture): AsyncGenerator<Uint8Array> {
  let rowIndex = 0;
  const file = createReadStream(path);
  try {
    for await (const batch of await RecordBatchReader.from(file)) {
      for (const row of batch) {
        const { json, pictures } = unpackRow(plain(row.toJSON()) as JsonObject, rowIndex++);
        for (const { name, bytes } of pictures) await writePicture(name, bytes);
        yield Buffer.from(json);
      }
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw new InvalidDatasetError(
      `${basename(path)}: must be a whole Arrow stream, got ${(error as Error).message}; write it again`,
      { cause: error },
    );
  } finally {
    file.destroy();
  }
}

/** Values without Arrow's own kinds: vectors as lists, rows of structs as objects. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (value instanceof Vector || Array.isArray(value)) return Array.from(value as Iterable<unknown>, plain);
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as Iterable<unknown>);
  const fields = 'toJSON' in value && typeof value.toJSON === 'function' ? (value.toJSON() as object) : value;
  return Object.fromEntries(Object.entries(fields).map(([key, item]) => [key, plain(item)]));
}
