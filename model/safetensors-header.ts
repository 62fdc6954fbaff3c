// The header of the safetensors format: which tensor lies where.
import { InvalidConfigError } from '../contracts/failures.ts';
import { isJsonObject, requireShallow } from '../contracts/json-object.ts';

/** One tensor as it lies on disk. */
export interface StoredTensor {
  dtype: string;
  shape: number[];
  /** Half-open byte range, counted from the end of the header. */
  byteStart: number;
  byteEnd: number;
}

/** What a header says. */
export interface TensorTable {
  tensors: ReadonlyMap<string, StoredTensor>;
  /** Texts that the writer has put beside the tensors. */
  metadata: Readonly<Record<string, string>>;
}

/** Values of a tensor in memory; each class is one dtype. */
export type TensorValues = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** Dtypes of {@link TensorValues}. */
export type TensorDtype = 'F32' | 'F64' | 'I32' | 'I64' | 'U8';

/** Bytes a value of the types whose size is known. */
const VALUE_BYTES: Readonly<Record<string, number>> = { F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, U8: 1 };

/** The dtype that a class of values is written as. */
export function dtypeOf(values: TensorValues): TensorDtype {
  if (values instanceof Float32Array) return 'F32';
  if (values instanceof Float64Array) return 'F64';
  if (values instanceof Int32Array) return 'I32';
  return values instanceof BigInt64Array ? 'I64' : 'U8';
}

/**
 * First bytes of a file, length field and header, for tensors in the given order; values follow. Padded to a multiple
 * of eight, so that values lie aligned where wide types come first.
 * @throws RangeError where a tensor has more or fewer values than its shape says
 */
export function tensorTable(
  tensors: readonly { name: string; shape: readonly number[]; values: TensorValues }[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, values } of tensors) {
    const count = shape.reduce((product, size) => product * size, 1);
    if (count !== values.length)
      throw new RangeError(`${name}: shape [${shape.join(', ')}] must hold ${count} values, got ${values.length}`);
    header[name] = { dtype: dtypeOf(values), shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = Buffer.alloc(8 + length, ' ');
  bytes.writeBigUInt64LE(BigInt(length), 0);
  bytes.set(json, 8);
  return bytes;
}

/**
 * The table of a file's JSON header, checked: byte counts by shape, and ranges that cover the data without a gap or an
 * overlap. Tensors of types that are not read are listed as well.
 * @param dataBytes bytes that follow the header
 * @param file name of the file, for messages
 * @throws InvalidConfigError naming the file and the value that is wrong
 */
export function parseTensorTable(text: string, dataBytes: number, file: string): TensorTable {
  requireShallow(text, `${file}: header`);
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    throw new InvalidConfigError(
      `${file}: header must be JSON, got ${error instanceof Error ? error.message : 'an error'}`,
    );
  }
  if (!isJsonObject(header)) {
    throw new InvalidConfigError(`${file}: header must be an object, got ${JSON.stringify(header)?.slice(0, 40)}`);
  }
  const { __metadata__: metadata, ...entries } = header;
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of Object.entries(entries)) tensors.set(name, parseEntry(name, entry, dataBytes, file));
  requireWholeRanges(tensors, dataBytes, file);
  return { tensors, metadata: (metadata ?? {}) as Record<string, string> };
}

function parseEntry(name: string, entry: unknown, dataBytes: number, file: string): StoredTensor {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  if (
    typeof dtype !== 'string' ||
    !Array.isArray(shape) ||
    !shape.every(isCount) ||
    !Array.isArray(offsets) ||
    !offsets.every(isCount)
  ) {
    throw new InvalidConfigError(
      `${file}: ${name} must have dtype, shape and data_offsets, got ${JSON.stringify(entry)?.slice(0, 80)}`,
    );
  }
  const [byteStart = 0, byteEnd = 0] = offsets;
  // Of other types the bytes a value are not known.
  const width = VALUE_BYTES[dtype];
  const byteCount = width === undefined ? byteEnd - byteStart : shape.reduce((product, size) => product * size, width);
  if (byteCount < 0 || byteEnd > dataBytes || byteEnd - byteStart !== byteCount) {
    throw new InvalidConfigError(
      `${file}: ${name} must hold ${byteCount} bytes within ${dataBytes}, got the range ${byteStart}–${byteEnd}`,
    );
  }
  return { dtype, shape, byteStart, byteEnd };
}

/** Ranges cover the data one after the other: no byte belongs to two tensors, or to none. */
function requireWholeRanges(tensors: ReadonlyMap<string, StoredTensor>, dataBytes: number, file: string): void {
  const ranges = [...tensors].sort(([, a], [, b]) => a.byteStart - b.byteStart || a.byteEnd - b.byteEnd);
  let covered = 0;
  for (const [name, { byteStart, byteEnd }] of ranges) {
    if (byteStart !== covered) {
      throw new InvalidConfigError(
        `${file}: ${name} must begin at byte ${covered}, where the tensor before it ends, got ${byteStart}–${byteEnd}; save the file again`,
      );
    }
    covered = byteEnd;
  }
  if (covered !== dataBytes) {
    throw new InvalidConfigError(
      `${file}: tensors must cover all ${dataBytes} bytes of data, got ${covered}; save the file again`,
    );
  }
}
