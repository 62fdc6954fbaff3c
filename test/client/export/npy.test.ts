import { describe, expect, test } from 'vitest';
import { encodeNpy } from '../../../client/export/npy.ts';

describe('an NPY file', () => {
  test('of two numbers has the bytes that numpy.save writes', () => {
    const bytes = Buffer.from(encodeNpy([5, -2]));
    const description = "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }";
    expect([...bytes.subarray(0, 10)]).toEqual([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]);
    expect(bytes.toString('latin1', 10, 128)).toBe(`${description.padEnd(117)}\n`);
    expect([...bytes.subarray(128)]).toEqual([5, 0, 0, 0, 0, 0, 0, 0, 0xfe, 255, 255, 255, 255, 255, 255, 255]);
  });

  test('of an empty list is a header alone', () => {
    const bytes = Buffer.from(encodeNpy([]));
    expect(bytes).toHaveLength(128);
    expect(bytes.toString('latin1', 10).trimEnd()).toBe("{'descr': '<i8', 'fortran_order': False, 'shape': (0,), }");
    expect(bytes[127]).toBe(0x0a);
  });

  test.each([1, 9, 10, 99, 100, 12_345])('of %i numbers has a header of a multiple of 64 bytes', (count) => {
    const values = Array.from({ length: count }, (_, index) => index * 1_000_000_007);
    const bytes = Buffer.from(encodeNpy(values));
    const headerBytes = 10 + bytes.readUInt16LE(8);
    expect(headerBytes % 64).toBe(0);
    expect(bytes.toString('latin1', 10, headerBytes)).toContain(`'shape': (${count},), `);
    expect(bytes).toHaveLength(headerBytes + 8 * count);
    expect(Number(bytes.readBigInt64LE(bytes.length - 8))).toBe(values.at(-1));
  });

  test('keeps whole numbers up to 2^53', () => {
    expect(Buffer.from(encodeNpy([Number.MAX_SAFE_INTEGER])).readBigInt64LE(128)).toBe(9_007_199_254_740_991n);
  });
});
