// Arrow IPC files of the store: written batch by batch, read back in one verified pass.
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
import { ArtifactMismatchError, DamagedArtifactError } from '../contracts/failures.ts';
import type { FileReference } from '../contracts/references.ts';
import { checkedMessages } from './arrow-messages.ts';
import type { Column, ColumnValues } from './columns.ts';
import type { Store } from '../store/store.ts';
import { streamVerified } from '../store/verified.ts';

/** Rows as they are written: values of the schema's fields, in their order. */
export interface ArrowRows {
  rowCount: number;
  columns: readonly ColumnValues[];
}

/** The Arrow IPC file format begins with this many bytes before its messages. */
const FILE_MAGIC_BYTES = 8;

/** The stream format ends with this many bytes: a marker and a length of zero. */
const END_OF_STREAM_BYTES = 8;

/** Streams batches into an Arrow IPC file, one record batch each. @returns name, hash and counts of the file */
export async function writeArrowFile(
  store: Store,
  folder: string,
  name: string,
  schema: Schema,
  batches: AsyncIterable<ArrowRows>,
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

function toRecordBatch(schema: Schema, { rowCount, columns }: ArrowRows): RecordBatch {
  const children = schema.fields.map((field: Field, index) => toData(field, columns[index]!, rowCount));
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

/** One record batch that was read. */
export interface ArrowBatch {
  rowCount: number;
  /** Values of the schema's field at a place. */
  column(index: number, access: Column<ColumnValues>['access']): ColumnValues;
}

/**
 * Streams a table's batches from an Arrow IPC file, verifying its hash on the way: the last batch comes only when all
 * bytes were right. Memory is one batch.
 *
 * @throws DamagedArtifactError where the bytes are not those of the reference
 * @throws ArtifactMismatchError where they are no such table
 *
 * The file's messages are those of the stream format but for the schema, which stands only in the footer, so the known
 * schema is put in front: one pass, no seeking.
 */
export async function* readArrowFile(
  store: Store,
  folder: string,
  file: FileReference,
  schema: Schema,
): AsyncGenerator<ArrowBatch> {
  const chunks = streamVerified(store, folder, file);
  try {
    const reader = await RecordBatchReader.from(asStream(schema, chunks));
    await reader.open();
    for await (const batch of reader) yield toBatch(batch as RecordBatch);
    // The reader stops at the end of the batches; the footer's bytes count for the hash.
    await drain(chunks);
  } catch (error) {
    if (error instanceof DamagedArtifactError || (error as NodeJS.ErrnoException).code !== undefined) throw error;
    // Damaged bytes may have been met before the hash could tell.
    await drain(chunks);
    throw new ArtifactMismatchError(
      `${folder}/${file.name}: must be a table of this version, got ${(error as Error).message}; its bytes are those that were written: use another store`,
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

function toBatch(batch: RecordBatch): ArrowBatch {
  return {
    rowCount: batch.numRows,
    column: (index, access) => {
      if (access === 'objects') return [...(batch.getChildAt(index) ?? [])] as string[];
      const data = batch.data.children[index]! as Data & { values: Uint8Array; stride: number };
      if (access === 'view') return data.values.subarray(0, data.length * data.stride);
      const item = data.children[0] as Data & { values: Float32Array };
      return item.values.subarray(0, data.length * (data.type as FixedSizeList).listSize);
    },
  };
}
