// The safetensors format, read tensor by tensor and written.
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { InvalidConfigError } from '../contracts/failures.ts';
import { fileSize } from '../contracts/outside-file.ts';
import { parseTensorTable, tensorTable } from './safetensors-header.ts';
import type { StoredTensor, TensorTable, TensorValues } from './safetensors-header.ts';

/** An open file: its table of tensors, and reads one tensor at a time. */
export interface SafetensorsFile extends TensorTable {
  path: string;
  /** Values as float32, row-major. BF16 and F16 are widened, F64 narrowed. */
  read(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Largest header that is parsed; the format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;

/** Bytes that are read at once, a multiple of every value's: one call of the system takes less than 2 GiB. */
const PIECE_BYTES = 16 * 1024 ** 2;

/** Types that are widened or narrowed to float32, with their bytes a value. */
const FLOAT_BYTES: Readonly<Record<string, number>> = { F32: 4, F16: 2, BF16: 2, F64: 8 };

/**
 * Opens a safetensors file: u64 little-endian header length, JSON header, raw little-endian data.
 * Checked before anything is allocated: header length, JSON form, byte counts by shape, and that the ranges cover the
 * data without a gap or an overlap. Tensors of types that are not read are listed as well.
 * @param pieceBytes bytes that are read at once, a multiple of 8
 * @throws InvalidConfigError naming the file and the value that is wrong.
 */
export async function openSafetensors(path: string, pieceBytes = PIECE_BYTES): Promise<SafetensorsFile> {
  const name = basename(path);
  const size = await fileSize(path);
  if (size === null) throw new InvalidConfigError(`${name}: file must exist, got none at ${path}`);
  const file = await open(path, 'r');
  try {
    const readAt = (start: number, length: number): Promise<Buffer> => readExactly(file, start, length, size, name);
    const headerLength = Number((await readAt(0, 8)).readBigUInt64LE(0));
    if (headerLength > Math.min(size - 8, MAX_HEADER_BYTES)) {
      throw new InvalidConfigError(
        `${name}: header length must be below the file size, got ${headerLength.toLocaleString('en')} of ${size.toLocaleString('en')} bytes; truncated, or an LFS pointer`,
      );
    }
    const dataStart = 8 + headerLength;
    const header = (await readAt(8, headerLength)).toString('utf8');
    const { tensors, metadata } = parseTensorTable(header, size - dataStart, name);
    return {
      path,
      tensors,
      metadata,
      read: async (tensor) => {
        const stored = tensors.get(tensor);
        if (stored === undefined) throw new InvalidConfigError(`${name}: tensor must exist, got no "${tensor}"`);
        requireFloats(stored, `${name}: ${tensor}`);
        const { dtype, byteStart, byteEnd } = stored;
        const width = FLOAT_BYTES[dtype]!;
        const values = new Float32Array((byteEnd - byteStart) / width);
        for (let start = byteStart; start < byteEnd; start += pieceBytes) {
          const bytes = await readAt(dataStart + start, Math.min(pieceBytes, byteEnd - start));
          widen(bytes, dtype, values.subarray((start - byteStart) / width));
        }
        return values;
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** @throws InvalidConfigError for a tensor of a type that is not read */
export function requireFloats({ dtype }: StoredTensor, where: string): void {
  if (dtype in FLOAT_BYTES) return;
  throw new InvalidConfigError(
    `${where} must be F32, F16, BF16 or F64, got ${dtype}; quantised weights are not supported`,
  );
}

async function readExactly(
  file: FileHandle,
  start: number,
  length: number,
  size: number,
  name: string,
): Promise<Buffer> {
  if (start + length > size) {
    throw new InvalidConfigError(`${name}: must hold ${start + length} bytes, got ${size}; the file is truncated`);
  }
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, start + done);
    if (bytesRead === 0)
      throw new InvalidConfigError(`${name}: must hold ${start + length} bytes, got ${start + done}`);
    done += bytesRead;
  }
  return buffer;
}

/** Writes the values of whole bytes, little-endian, to the beginning of `values`. */
function widen(bytes: Buffer, dtype: string, values: Float32Array): void {
  // A buffer of its own begins at a multiple of eight.
  const { buffer, byteOffset, length } = bytes;
  if (dtype === 'F32') values.set(new Float32Array(buffer, byteOffset, length / 4));
  else if (dtype === 'F64') values.set(new Float64Array(buffer, byteOffset, length / 8));
  else {
    const halves = new Uint16Array(buffer, byteOffset, length / 2);
    const bits = new Uint32Array(values.buffer, values.byteOffset, halves.length);
    const isBfloat = dtype === 'BF16';
    for (let index = 0; index < halves.length; index += 1)
      bits[index] = isBfloat ? halves[index]! << 16 : halfToFloatBits(halves[index]!);
  }
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

/** A tensor to write, row-major. */
export interface NamedTensor<Values extends TensorValues = Float32Array> {
  name: string;
  shape: number[];
  values: Values;
}

/**
 * Bytes of a safetensors file with the tensors in the given order: equal input gives equal bytes.
 * `metadata` has string values; transformers asks for `{ format: 'pt' }`.
 */
export function encodeSafetensors(
  tensors: readonly NamedTensor<TensorValues>[],
  metadata: Record<string, string> = { format: 'pt' },
): Uint8Array {
  const parts = safetensorsParts(tensors, metadata);
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let position = 0;
  for (const part of parts) {
    bytes.set(part, position);
    position += part.length;
  }
  return bytes;
}

/** The same bytes in parts: the header, then every tensor's values where they lie, without a copy. */
export function safetensorsParts(
  tensors: readonly NamedTensor<TensorValues>[],
  metadata: Record<string, string>,
): Uint8Array[] {
  const values = tensors.map(({ values: { buffer, byteOffset, byteLength } }) => {
    return new Uint8Array(buffer, byteOffset, byteLength);
  });
  return [tensorTable(tensors, metadata), ...values];
}
