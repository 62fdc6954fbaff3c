// A check of an Arrow file's messages before its reader takes them on trust.
import { DataType } from 'apache-arrow';
import type { Schema } from 'apache-arrow';
import { Message } from 'apache-arrow/fb/message';
import { MessageHeader } from 'apache-arrow/fb/message-header';
import { RecordBatch } from 'apache-arrow/fb/record-batch';
import { ByteBuffer } from 'flatbuffers';

/** A message begins with this marker and the length of its metadata. */
const CONTINUATION = 0xffffffff;
const PREFIX_BYTES = 8;

/** Metadata of a record batch of our tables takes less than a kilobyte. */
const MOST_METADATA_BYTES = 64 * 1024;

/**
 * The messages of an Arrow file as they are, each looked at before its reader sees it: a record batch of the schema's
 * columns, uncompressed, whose lengths agree with one another and with the bytes that follow. The reader takes all
 * lengths on trust: damaged ones would have it take any amount of memory before the hash of the file could tell.
 *
 * @param chunks the file after its magic bytes
 * @throws RangeError for a message that cannot be one of such a table
 */
export async function* checkedMessages(schema: Schema, chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = new ByteSource(chunks);
  for (;;) {
    const prefix = await source.take(PREFIX_BYTES);
    const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
    const metadataBytes = prefix.length === PREFIX_BYTES ? view.getInt32(4, true) : -1;
    if (metadataBytes < 0 || view.getUint32(0, true) !== CONTINUATION || metadataBytes > MOST_METADATA_BYTES)
      throw new RangeError('no beginning of a message');
    yield prefix;
    // Behind the end of the batches stands the footer, which is not read.
    if (metadataBytes === 0) return;
    const metadata = await source.take(metadataBytes);
    if (metadata.length < metadataBytes) throw new RangeError('an end within a message');
    const bodyBytes = checkBatch(schema, metadata);
    yield metadata;
    yield* source.pass(bodyBytes);
  }
}

/** @returns length of the message's body */
function checkBatch(schema: Schema, metadata: Uint8Array): number {
  const message = Message.getRootAsMessage(new ByteBuffer(metadata));
  const bodyBytes = Number(message.bodyLength());
  const batch =
    message.headerType() === MessageHeader.RecordBatch
      ? (message.header(new RecordBatch()) as RecordBatch | null)
      : null;
  if (batch === null || batch.compression() !== null || !(bodyBytes >= 0))
    throw new RangeError('a message of another kind');
  const rowCount = Number(batch.length());
  const nodes = schema.fields.flatMap(({ type }) => nodesOf(type as DataType, rowCount));
  const bufferCount = nodes.reduce((sum, { buffers }) => sum + buffers.length, 0);
  if (!(rowCount >= 0) || batch.nodesLength() !== nodes.length || batch.buffersLength() !== bufferCount)
    throw new RangeError('a record batch of other columns');
  let place = 0;
  for (const [index, { length, buffers }] of nodes.entries()) {
    if (Number(batch.nodes(index)!.length()) !== length) throw new RangeError('columns of unequal length');
    for (const least of buffers) {
      const buffer = batch.buffers(place++)!;
      const [start, bytes] = [Number(buffer.offset()), Number(buffer.length())];
      if (!(start >= 0 && bytes >= least && start + bytes <= bodyBytes))
        throw new RangeError('columns beyond their bytes');
    }
  }
  return bodyBytes;
}

/** A column's arrays, and the least bytes of each of their buffers: validity, then offsets, then values. */
function nodesOf(type: DataType, rowCount: number): { length: number; buffers: number[] }[] {
  if (DataType.isFixedSizeList(type)) {
    const [item] = type.children;
    return [{ length: rowCount, buffers: [0] }, ...nodesOf(item!.type as DataType, rowCount * type.listSize)];
  }
  if (DataType.isUtf8(type)) return [{ length: rowCount, buffers: [0, rowCount === 0 ? 0 : 4 * (rowCount + 1), 0] }];
  if (DataType.isBool(type)) return [{ length: rowCount, buffers: [0, Math.ceil(rowCount / 8)] }];
  const width = DataType.isFixedSizeBinary(type)
    ? type.byteWidth
    : (type.ArrayType as typeof Uint8Array).BYTES_PER_ELEMENT;
  return [{ length: rowCount, buffers: [0, rowCount * width] }];
}

/** Chunks of bytes, taken in pieces of any size. */
class ByteSource {
  readonly #chunks: AsyncGenerator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncGenerator<Uint8Array>) {
    this.#chunks = chunks;
  }

  /** So many bytes in one piece; fewer at the end. */
  async take(count: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let taken = 0;
    while (taken < count && (await this.#fill())) {
      const piece = this.#cut(count - taken);
      pieces.push(piece);
      taken += piece.length;
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** So many bytes as they come. */
  async *pass(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0;) {
      if (!(await this.#fill())) throw new RangeError('an end within a message');
      const piece = this.#cut(left);
      left -= piece.length;
      yield piece;
    }
  }

  #cut(count: number): Uint8Array {
    const piece = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(piece.length);
    return piece;
  }

  async #fill(): Promise<boolean> {
    while (this.#held.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#held = next.value;
    }
    return true;
  }
}
