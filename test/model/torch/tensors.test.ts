import { describe, expect, test } from 'vitest';
import { InvalidConfigError } from '../../../contracts/failures.ts';
import { encodeSafetensors } from '../../../model/safetensors.ts';
import { decodeBody, encodeBody } from '../../../model/torch/tensors.ts';
import type { FrameTensor } from '../../../model/torch/tensors.ts';

const TENSORS: FrameTensor[] = [
  { name: 'row.0.picture.0', shape: [1, 1, 3], values: Uint8Array.of(0, 128, 255) },
  { name: 'loss', shape: [2], values: Float64Array.of(Math.PI, -0) },
  { name: 'ids', shape: [2, 2], values: Int32Array.of(1, -100, 2 ** 31 - 1, -(2 ** 31)) },
  { name: 'sketch', shape: [1, 3], values: Float32Array.of(1e-40, Infinity, -2.5) },
  { name: 'large', shape: [1], values: BigInt64Array.of(-(2n ** 63n)) },
  { name: 'empty', shape: [0, 7], values: new Float32Array(0) },
  { name: 'one', shape: [], values: Float32Array.of(9) },
];

const body = (tensors: readonly FrameTensor[]): Buffer => Buffer.concat(encodeBody(tensors));

describe('a body', () => {
  test('gives back every type, shape and bit', () => {
    const decoded = decodeBody(body(TENSORS));
    expect(decoded.size).toBe(TENSORS.length);
    for (const tensor of TENSORS) expect(decoded.get(tensor.name), tensor.name).toEqual(tensor);
  });

  test('is empty without tensors', () => {
    expect(encodeBody([])).toEqual([]);
    expect(decodeBody(new Uint8Array(0))).toEqual(new Map());
  });

  test('is not copied where it lies aligned', () => {
    const bytes = body(TENSORS);
    for (const { values } of decodeBody(bytes).values()) expect(values.buffer).toBe(bytes.buffer);
    const [, large, loss] = encodeBody(TENSORS);
    expect([large!.buffer, loss!.buffer]).toEqual([TENSORS[1]!.values.buffer, TENSORS[4]!.values.buffer]);
  });

  test('is the same read from any place', () => {
    const bytes = body(TENSORS);
    for (let shift = 0; shift < 8; shift += 1) {
      const moved = new Uint8Array(bytes.length + shift);
      moved.set(bytes, shift);
      const decoded = decodeBody(moved.subarray(shift));
      for (const tensor of TENSORS) expect(decoded.get(tensor.name), tensor.name).toEqual(tensor);
    }
  });

  test('with a float32 view of a larger array has its values alone', () => {
    const values = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    expect(decodeBody(body([{ name: 'x', shape: [2], values }])).get('x')?.values).toEqual(Float32Array.of(2, 3));
  });
});

describe('a body is refused', () => {
  test('where a shape does not fit its values', () => {
    expect(() => encodeBody([{ name: 'x', shape: [2, 2], values: new Float32Array(3) }])).toThrow(
      'x: shape [2, 2] must hold 4 values, got 3',
    );
  });

  test('where it is shorter than its header says', () => {
    const bytes = body(TENSORS);
    for (const length of [1, 7, 8, 20])
      expect(() => decodeBody(bytes.subarray(0, length))).toThrow(/^torch frame: body must hold its header, got /);
    expect(() => decodeBody(bytes.subarray(0, bytes.length - 1))).toThrow(InvalidConfigError);
  });

  test('with a type that no array holds', () => {
    const bytes = Buffer.from(encodeSafetensors([{ name: 'x', shape: [1], values: Float32Array.of(1) }]));
    bytes.write('BF16', bytes.indexOf('"F32"') + 1);
    expect(() => decodeBody(bytes)).toThrow(InvalidConfigError);
    const packed = Buffer.from('{"x":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}');
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(packed.length));
    expect(() => decodeBody(Buffer.concat([length, packed, Buffer.alloc(4)]))).toThrow(
      'torch frame: body: x must be F32, F64, I32, I64 or U8, got F8_E4M3',
    );
  });
});
