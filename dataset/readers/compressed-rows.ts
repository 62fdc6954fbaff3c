// Rows of JSON, an array or lines, that are compressed as one stream.
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import { onOneLine, withoutBreaks } from '../rows/raw-json.ts';
import { splitRows } from './row-splitter.ts';

/** A stream's bytes, unpacked as they come. */
type Unpack = (path: string) => AsyncIterable<Uint8Array>;

/** Rows of a gzip file as JSON texts of a line. @throws InvalidDatasetError where it is damaged or holds no rows */
export function gzipRows(path: string): AsyncGenerator<Uint8Array> {
  return unpackedRows(path, 'gzip', gunzip);
}

/** Rows of a zstd file as JSON texts of a line. @throws InvalidDatasetError where it is damaged or holds no rows */
export function zstdRows(path: string): AsyncGenerator<Uint8Array> {
  return unpackedRows(path, 'zstd', unzstd);
}

async function* unpackedRows(path: string, kind: string, unpack: Unpack): AsyncGenerator<Uint8Array> {
  const name = basename(path);
  try {
    for await (const { bytes } of splitRows(unpack(path), name))
      yield bytes === null ? TOO_LARGE : withoutBreaks(onOneLine(bytes));
  } catch (error) {
    if (error instanceof InvalidDatasetError || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw new InvalidDatasetError(
      `${name}: must be a whole ${kind} file, got ${(error as Error).message}; download it again`,
      { cause: error },
    );
  }
}

/** Stands for a row that is larger than is held. */
const TOO_LARGE = Buffer.from('"a row of more than 16 MiB"');

async function* gunzip(path: string): AsyncGenerator<Uint8Array> {
  const file = createReadStream(path);
  const unpacked = createGunzip();
  file.on('error', (error) => unpacked.destroy(error));
  try {
    yield* file.pipe(unpacked) as AsyncIterable<Uint8Array>;
  } finally {
    file.destroy();
  }
}

async function* unzstd(path: string): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const unpacked = new Decompress((chunk) => chunks.push(chunk.slice()));
  let last: Uint8Array = new Uint8Array(0);
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
    if (last.length > 0) unpacked.push(last);
    last = chunk;
    yield* chunks.splice(0);
  }
  unpacked.push(last, true);
  yield* chunks.splice(0);
}
