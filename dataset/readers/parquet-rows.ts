// Rows and pictures of a Parquet file, a row group at a time.
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import type { Compressors, RowGroup } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { JsonObject } from '../../contracts/json-object.ts';
import { unpackRow } from './unpack-row.ts';
import type { UnpackedRow } from './unpack-row.ts';

/** Largest row group that is read: it is held in memory as a whole. */
const MAX_GROUP_BYTES = 4 * 1024 ** 3;
const MAX_GROUP_ROWS = 5_000_000;

/**
 * Rows of a Parquet file as Hugging Face's datasets write them, one row group in memory at a time. A column
 * `struct<bytes, path>`, or a list of it, becomes pictures and their names; `texts: list<user, assistant, source>`
 * becomes turns, and its `source` the label `dataset` where the row has none. Other columns stay as they are, without
 * what JSON cannot say: bytes are left out.
 *
 * @throws Error where the file is damaged or too large to be unpacked
 */
export async function* parquetRows(path: string): AsyncGenerator<UnpackedRow> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + checkedRows(group);
    const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors: bounded(), utf8: false });
    if (rows.length !== rowEnd - rowStart) {
      throw new Error(
        `${rows.length.toLocaleString('en')} of ${(rowEnd - rowStart).toLocaleString('en')} rows of a row group`,
      );
    }
    for (const [index, row] of rows.entries()) yield unpackRow(row as JsonObject, rowStart + index);
    rowStart = rowEnd;
  }
}

function checkedRows({ num_rows: rows, total_byte_size: bytes, columns }: RowGroup): number {
  const unpacked = columns.reduce(
    (sum, { meta_data: data }) => sum + Number(data?.total_uncompressed_size ?? 0),
    Number(bytes),
  );
  if (!(unpacked <= 2 * MAX_GROUP_BYTES)) {
    throw new Error(`a row group of ${(unpacked / 2e9).toFixed(1)} GB; write row groups of at most 4 GiB`);
  }
  if (!(Number(rows) >= 0 && Number(rows) <= MAX_GROUP_ROWS)) {
    throw new Error(`a row group of ${Number(rows).toLocaleString('en')} rows; write at most 5,000,000`);
  }
  return Number(rows);
}

/** Decompressors that refuse before they allocate: a page may claim any size. */
function bounded(): Compressors {
  let total = 0;
  return Object.fromEntries(
    Object.entries(compressors).map(([codec, decompress]) => [
      codec,
      (input: Uint8Array, outputLength: number): Uint8Array => {
        total += outputLength;
        if (!(outputLength >= 0 && total <= MAX_GROUP_BYTES))
          throw new Error(
            `pages of ${(total / 1e9).toFixed(1)} GB in one row group; write row groups of at most 4 GiB`,
          );
        return decompress(input, outputLength);
      },
    ]),
  );
}
