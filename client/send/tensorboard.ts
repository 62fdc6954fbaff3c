// TensorBoard's event files.
import { crc32c } from './crc32c.ts';

/** One number of one step. */
export interface Scalar {
  tag: string;
  step: number;
  value: number;
}

/**
 * A TensorBoard event file: TFRecords of `Event` messages, the first of which names the version. Record = length (u64),
 * masked CRC-32C of it, bytes, masked CRC-32C of them, little-endian.
 *
 * @param wallTimeSeconds of all events: equal inputs give equal bytes
 * @see tensorflow/core/lib/io/record_writer.cc, tensorflow/core/util/event.proto
 */
export function* eventFile(scalars: Iterable<Scalar>, wallTimeSeconds: number): Generator<Uint8Array> {
  yield record([double(1, wallTimeSeconds), bytes(3, Buffer.from('brain.Event:2'))]);
  for (const { tag, step, value } of scalars) {
    const scalar = Buffer.concat([bytes(1, Buffer.from(tag)), float(2, value)]);
    yield record([double(1, wallTimeSeconds), varint(2, step), bytes(5, bytes(1, scalar))]);
  }
}

function record(fields: readonly Buffer[]): Buffer {
  const data = Buffer.concat(fields);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, masked(length), data, masked(data)]);
}

/** Rotated right by 15 bits, plus a constant, so that a sum over data with sums in it is sound. */
function masked(data: Uint8Array): Buffer {
  const sum = crc32c(data);
  const out = Buffer.alloc(4);
  out.writeUInt32LE((((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0);
  return out;
}

/** Fields of protocol buffers: wire types 0 (varint), 1 (8 bytes), 2 (length and bytes), 5 (4 bytes). */
function varint(field: number, value: number): Buffer {
  return Buffer.concat([key(field, 0), encodeVarint(value)]);
}

function double(field: number, value: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeDoubleLE(value);
  return Buffer.concat([key(field, 1), out]);
}

function bytes(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([key(field, 2), encodeVarint(value.length), value]);
}

function float(field: number, value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeFloatLE(value);
  return Buffer.concat([key(field, 5), out]);
}

function key(field: number, wireType: number): Buffer {
  return encodeVarint((field << 3) | wireType);
}

function encodeVarint(value: number): Buffer {
  const out: number[] = [];
  let rest = BigInt(value);
  while (rest > 0x7fn) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Buffer.from([...out, Number(rest)]);
}
