import {
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchReader,
  RecordBatchStreamWriter,
  Struct,
  makeData,
  vectorFromArray,
} from 'apache-arrow';
import type { Data, DataType, Field, FixedSizeList, Schema } from 'apache-arrow';
import { ArtifactMismatchError } from '../contracts/failures.ts';
import type { FileReference } from '../contracts/references.ts';
import { streamVerified } from '../store/artifacts.ts';
import { checkedMessages } from './arrow-messages.ts';
import type { Store } from '../store/store.ts';

/** Values of one column: typed arrays for numbers, 32 bytes a row for hashes, `[row, sketch]` flat for lists. */
export type ColumnValues =
  | Uint32Array
  | Float64Array
  | BigInt64Array
  | Float32Array
  | Int8Array
  | Uint8Array
  | readonly (string | null)[]
  | readonly boolean[];

/** Rows of a table, column by column. */
export interface TableRows {
  rowCount: number;
  columns: Record<string, ColumnValues>;
}

/** The Arrow IPC file format begins with this many bytes before its messages. */
const FILE_MAGIC_BYTES = 8;

/** The stream format ends with this many bytes: a marker and a length of zero. */
const END_OF_STREAM_BYTES = 8;

/** Streams batches into an Arrow IPC file, one record batch each. @returns name, hash and counts of the file */
export async function writeTable(
  store: Store,
  folder: string,
  name: string,
  schema: Schema,
  batches: AsyncIterable<TableRows> | Iterable<TableRows>,
): Promise<FileReference> {
  let rowCount = 0;
  const encode = async function* (): AsyncGenerator<Uint8Array> {
    const writer = new RecordBatchFileWriter();
    const chunks = writer[Symbol.asyncIterator]();
    writer.reset(undefined, schema);
    let pending = chunks.next();
    // The writer hands out what is ready; asking for more than that would wait for the next batch.
    const drain = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) {
        const ready = await Promise.race([pending, new Promise<null>((resolve) => setImmediate(resolve, null))]);
        if (ready === null || ready.done === true) return;
        yield ready.value;
        pending = chunks.next();
      }
    };
    for await (const rows of batches) {
      rowCount += rows.rowCount;
      writer.write(toRecordBatch(schema, rows));
      yield* drain();
    }
    writer.finish();
    for (let last = await pending; last.done !== true; last = await chunks.next()) yield last.value;
  };
  const { sha256, byteCount } = await store.write(`${folder}/${name}`, encode());
  return { name, sha256, byteCount, rowCount };
}

function toRecordBatch(schema: Schema, { rowCount, columns }: TableRows): RecordBatch {
  const children = schema.fields.map((field: Field) => {
    const values = columns[field.name];
    if (values === undefined) throw new RangeError(`table: column must be given, got no "${field.name}"`);
    return toData(field, values, rowCount);
  });
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length: rowCount, nullCount: 0, children }),
  );
}

function toData(field: Field, values: ColumnValues, length: number): Data {
  const type = field.type as DataType;
  if (Array.isArray(values)) return vectorFromArray(values as readonly unknown[], type).data[0] as Data;
  const child = (type as FixedSizeList).children?.[0];
  if (child !== undefined) {
    const data = makeData({ type: child.type, length: values.length, nullCount: 0, data: values as never } as never);
    return makeData({ type, length, nullCount: 0, child: data } as never) as Data;
  }
  return makeData({ type, length, nullCount: 0, data: values } as never) as Data;
}

/** One record batch that was read: columns as views on its bytes. */
export interface TableBatch {
  rowCount: number;
  uint32(name: string): Uint32Array;
  float64(name: string): Float64Array;
  int64(name: string): BigInt64Array;
  /** Flat bytes of a fixed-size binary column. */
  bytes(name: string): Uint8Array;
  /** Flat values `[row, item]` of a fixed-size list column. */
  list(name: string): Float32Array | Int8Array;
  strings(name: string): (string | null)[];
  booleans(name: string): boolean[];
}

/**
 * Streams a table's batches from an Arrow IPC file, verifying its hash on the way: the last batch comes only when all
 * bytes were right. Memory is one batch.
 *
 * @throws ArtifactMismatchError where the bytes are not those of the reference, or no table
 *
 * The file's messages are those of the stream format but for the schema, which stands only in the footer, so the known
 * schema is put in front: one pass, no seeking.
 */
export async function* readTable(
  store: Store,
  folder: string,
  file: FileReference,
  schema: Schema,
): AsyncGenerator<TableBatch> {
  const chunks = streamVerified(store, folder, file);
  try {
    const reader = await RecordBatchReader.from(asStream(schema, chunks));
    await reader.open();
    for await (const batch of reader) yield toTableBatch(batch as RecordBatch);
    // The reader stops at the end of the batches; the footer's bytes count for the hash.
    await drain(chunks);
  } catch (error) {
    if (error instanceof ArtifactMismatchError || (error as NodeJS.ErrnoException).code !== undefined) throw error;
    // Damaged bytes may have been met before the hash could tell.
    await drain(chunks);
    throw new ArtifactMismatchError(
      `${folder}/${file.name}: must be a table of this version, got ${(error as Error).message}; delete the artifact's folder and run again`,
      { cause: error },
    );
  }
}

async function drain(chunks: AsyncGenerator<Uint8Array>): Promise<void> {
  while ((await chunks.next()).done !== true);
}

async function* asStream(schema: Schema, chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const writer = new RecordBatchStreamWriter();
  writer.reset(undefined, schema);
  writer.finish();
  const message = writer.toUint8Array(true);
  yield message.subarray(0, message.byteLength - END_OF_STREAM_BYTES);
  yield* checkedMessages(schema, withoutMagic(chunks));
}

async function* withoutMagic(chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  let skipped = 0;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    const skip = Math.min(FILE_MAGIC_BYTES - skipped, next.value.byteLength);
    skipped += skip;
    if (skip < next.value.byteLength) yield next.value.subarray(skip);
  }
}

function toTableBatch(batch: RecordBatch): TableBatch {
  const data = (name: string): Data => {
    const index = batch.schema.fields.findIndex((field) => field.name === name);
    const found = batch.data.children[index];
    if (found === undefined) throw new RangeError(`table: column must exist, got no "${name}"`);
    return found;
  };
  const values = (name: string): unknown => {
    const { values: array, length, stride } = data(name) as Data & { values: Uint8Array; stride: number };
    return array.subarray(0, length * stride);
  };
  return {
    rowCount: batch.numRows,
    uint32: (name) => values(name) as Uint32Array,
    float64: (name) => values(name) as Float64Array,
    int64: (name) => values(name) as BigInt64Array,
    bytes: (name) => values(name) as Uint8Array,
    list: (name) => {
      const list = data(name);
      const size = (list.type as FixedSizeList).listSize;
      return (list.children[0] as Data & { values: Float32Array }).values.subarray(0, list.length * size);
    },
    strings: (name) => [...(batch.getChild(name) ?? [])] as (string | null)[],
    booleans: (name) => [...(batch.getChild(name) ?? [])] as boolean[],
  };
}
