// Bodies of frames: named tensors as the bytes of a safetensors file.
import { InvalidConfigError } from '../../contracts/failures.ts';
import { safetensorsParts } from '../safetensors.ts';
import type { NamedTensor } from '../safetensors.ts';
import { parseTensorTable } from '../safetensors-header.ts';
import type { StoredTensor, TensorValues } from '../safetensors-header.ts';

/** A tensor of a frame. */
export type FrameTensor = NamedTensor<TensorValues>;

/** Name of a body in messages. */
const WHERE = 'torch frame: body';

/**
 * Parts of a body, the values not copied; none without tensors. Wide types come first, so that every value lies at a
 * multiple of its own size.
 */
export function encodeBody(tensors: readonly FrameTensor[]): Uint8Array[] {
  if (tensors.length === 0) return [];
  const width = ({ values }: FrameTensor): number => values.BYTES_PER_ELEMENT;
  return safetensorsParts(
    [...tensors].sort((a, b) => width(b) - width(a)),
    {},
  );
}

/**
 * Tensors of a body by name: views of its bytes where they lie aligned, else copies. An empty body has none.
 * @throws InvalidConfigError for bytes that are no safetensors file, or a type that no array here holds
 */
export function decodeBody(body: Uint8Array): Map<string, FrameTensor> {
  if (body.length === 0) return new Map();
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const length = bytes.length < 8 ? Infinity : Number(bytes.readBigUInt64LE(0));
  if (length > bytes.length - 8)
    throw new InvalidConfigError(`${WHERE} must hold its header, got ${length} bytes of one in ${bytes.length}`);
  const data = body.subarray(8 + length);
  const { tensors } = parseTensorTable(bytes.toString('utf8', 8, 8 + length), data.length, WHERE);
  return new Map([...tensors].map(([name, stored]) => [name, view(name, stored, data)]));
}

function view(name: string, { dtype, shape, byteStart, byteEnd }: StoredTensor, data: Uint8Array): FrameTensor {
  const bytes = data.subarray(byteStart, byteEnd);
  return { name, shape, values: valuesOf(name, dtype, bytes) };
}

function valuesOf(name: string, dtype: string, bytes: Uint8Array): TensorValues {
  switch (dtype) {
    case 'F32':
      return new Float32Array(...span(bytes, 4));
    case 'F64':
      return new Float64Array(...span(bytes, 8));
    case 'I32':
      return new Int32Array(...span(bytes, 4));
    case 'I64':
      return new BigInt64Array(...span(bytes, 8));
    case 'U8':
      return new Uint8Array(...span(bytes, 1));
    default:
      throw new InvalidConfigError(`${WHERE}: ${name} must be F32, F64, I32, I64 or U8, got ${dtype}`);
  }
}

/** Where an array of `width` bytes a value lies: in place, or in a copy where the bytes are not aligned. */
function span(bytes: Uint8Array, width: number): [buffer: ArrayBufferLike, byteOffset: number, length: number] {
  const { buffer, byteOffset } = bytes.byteOffset % width === 0 ? bytes : Uint8Array.from(bytes);
  return [buffer, byteOffset, bytes.length / width];
}
