import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { InvalidConfigError } from '../contracts/failures.ts';

/** One tensor as it lies on disk. */
export interface StoredTensor {
  dtype: string;
  shape: number[];
  /** Half-open byte range, counted from the end of the header. */
  byteStart: number;
  byteEnd: number;
}

/** An open file: its table of tensors, and reads one tensor at a time. */
export interface SafetensorsFile {
  path: string;
  tensors: ReadonlyMap<string, StoredTensor>;
  /** Texts that the writer has put beside the tensors. */
  metadata: Readonly<Record<string, string>>;
  /** Values as float32, row-major. BF16 and F16 are widened, F64 narrowed. */
  read(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Largest header that is parsed; the format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;

const BYTES_PER_VALUE: Readonly<Record<string, number>> = {
  F32: 4,
  F16: 2,
  BF16: 2,
  F64: 8,
  I32: 4,
  I64: 8,
  U8: 1,
  I8: 1,
  BOOL: 1,
  I16: 2,
};

/**
 * Opens a safetensors file: u64 little-endian header length, JSON header, raw little-endian data.
 * Checked before anything is allocated: header length, JSON form, ranges inside the file, byte counts by shape.
 * @throws InvalidConfigError naming the file and the value that is wrong.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const { size } = await stat(path);
  const file = await open(path, 'r');
  try {
    const lengthBytes = await readExactly(file, 0, 8, size, path);
    const headerLength = Number(lengthBytes.readBigUInt64LE(0));
    if (headerLength > Math.min(size - 8, MAX_HEADER_BYTES)) {
      throw new InvalidConfigError(
        `${path}: header length must be below the file size, got ${headerLength.toLocaleString('en')} of ${size.toLocaleString('en')} bytes; truncated, or an LFS pointer`,
      );
    }
    const header = (await readExactly(file, 8, headerLength, size, path)).toString('utf8');
    const { tensors, metadata } = parseHeader(header, size - 8 - headerLength, path);
    const dataStart = 8 + headerLength;
    return {
      path,
      tensors,
      metadata,
      read: async (name) => {
        const stored = tensors.get(name);
        if (stored === undefined) throw new InvalidConfigError(`${path}: tensor must exist, got no "${name}"`);
        const bytes = await readExactly(
          file,
          dataStart + stored.byteStart,
          stored.byteEnd - stored.byteStart,
          size,
          path,
        );
        return toFloat32(bytes, stored.dtype, `${path}: ${name}`);
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readExactly(
  file: FileHandle,
  start: number,
  length: number,
  size: number,
  path: string,
): Promise<Buffer> {
  if (start + length > size) {
    throw new InvalidConfigError(`${path}: must hold ${start + length} bytes, got ${size}; the file is truncated`);
  }
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, start + done);
    if (bytesRead === 0)
      throw new InvalidConfigError(`${path}: must hold ${start + length} bytes, got ${start + done}`);
    done += bytesRead;
  }
  return buffer;
}

function parseHeader(text: string, dataBytes: number, path: string): Pick<SafetensorsFile, 'tensors' | 'metadata'> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    throw new InvalidConfigError(
      `${path}: header must be JSON, got ${error instanceof Error ? error.message : 'an error'}`,
    );
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new InvalidConfigError(`${path}: header must be an object, got ${JSON.stringify(header)?.slice(0, 40)}`);
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name !== '__metadata__') tensors.set(name, parseEntry(name, entry, dataBytes, path));
  }
  return { tensors, metadata: ((header as Record<string, unknown>)['__metadata__'] ?? {}) as Record<string, string> };
}

function parseEntry(name: string, entry: unknown, dataBytes: number, path: string): StoredTensor {
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
      `${path}: ${name} must have dtype, shape and data_offsets, got ${JSON.stringify(entry)?.slice(0, 80)}`,
    );
  }
  const width = BYTES_PER_VALUE[dtype];
  if (width === undefined) {
    throw new InvalidConfigError(
      `${path}: ${name} must be F32, F16, BF16 or F64, got ${dtype}; quantised weights are not supported`,
    );
  }
  const [byteStart = 0, byteEnd = 0] = offsets;
  const byteCount = shape.reduce((product, size) => product * size, 1) * width;
  if (byteEnd > dataBytes || byteEnd - byteStart !== byteCount) {
    throw new InvalidConfigError(
      `${path}: ${name} must hold ${byteCount} bytes within ${dataBytes}, got the range ${byteStart}–${byteEnd}`,
    );
  }
  return { dtype, shape, byteStart, byteEnd };
}

function toFloat32(bytes: Buffer, dtype: string, where: string): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (dtype === 'F32')
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  if (dtype === 'F64')
    return Float32Array.from({ length: bytes.length / 8 }, (_, index) => view.getFloat64(index * 8, true));
  if (dtype !== 'BF16' && dtype !== 'F16')
    throw new InvalidConfigError(`${where}: must be F32, F16, BF16 or F64, got ${dtype}`);
  const bits = new Uint32Array(bytes.length / 2);
  const widen = dtype === 'BF16' ? (half: number) => half << 16 : halfToFloatBits;
  for (let index = 0; index < bits.length; index += 1) bits[index] = widen(view.getUint16(index * 2, true));
  return new Float32Array(bits.buffer);
}

/** Bits of the float32 that equals an IEEE 754 half. */
function halfToFloatBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

/** A tensor to write, float32 row-major. */
export interface NamedTensor {
  name: string;
  shape: number[];
  values: Float32Array;
}

/**
 * Bytes of a safetensors file with the tensors in the given order: equal input gives equal bytes.
 * `metadata` has string values; transformers asks for `{ format: 'pt' }`.
 */
export function encodeSafetensors(
  tensors: NamedTensor[],
  metadata: Record<string, string> = { format: 'pt' },
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, values } of tensors) {
    const byteCount = values.length * 4;
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + byteCount] };
    offset += byteCount;
  }
  const json = Buffer.from(JSON.stringify(header));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerLength + offset).fill(0x20, 8, 8 + headerLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.set(json, 8);
  let position = 8 + headerLength;
  for (const { values } of tensors) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), position);
    position += values.byteLength;
  }
  return bytes;
}
