import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeInt8, encodeInt8 } from '../../algorithms/encoding.ts';
import { SIX_DIGITS } from './worked-example.ts';

describe('int8 encoding', () => {
  test('gives the codes and scales of the worked example', () => {
    const { codes, scales } = encodeInt8(Float32Array.of(3, 4, 0, 0, 6, 8), 3);
    expect([...codes]).toEqual([95, 127, 0, 0, 95, 127]);
    expect(scales).toBeAllclose([0.0314961, 0.0629921], SIX_DIGITS);
    const z = decodeInt8({ codes, scales }, 3);
    const cosine = (z[1]! * z[4]!) / (Math.hypot(z[0]!, z[1]!) * Math.hypot(z[4]!, z[5]!));
    expect([cosine]).toBeAllclose([0.479645], SIX_DIGITS);
  });

  test('rounds halves away from zero', () => {
    // Scale 1, since the largest magnitude is 127.
    expect([...encodeInt8(Float32Array.of(127, 0.5, -0.5, 2.5, -2.5, 2.4), 6).codes]).toEqual([127, 1, -1, 3, -3, 2]);
  });

  test('keeps a zero row as zeros', () => {
    const encoded = encodeInt8(Float32Array.of(0, -0, 1, 2), 2);
    expect(encoded.scales[0]).toBe(0);
    expect([...encoded.codes.subarray(0, 2)]).toEqual([0, 0]);
    expect([...decodeInt8(encoded, 2).subarray(0, 2)]).toEqual([0, 0]);
  });

  test('is off by at most half a step', () => {
    const anyRow = fc.float32Array({
      minLength: 8,
      maxLength: 8,
      noNaN: true,
      noDefaultInfinity: true,
      min: -1e6,
      max: 1e6,
    });
    const property = fc.property(anyRow, (row) => {
      const encoded = encodeInt8(row, 8);
      // The decoded value is rounded to float32 at last.
      expect(decodeInt8(encoded, 8)).toBeAllclose(row, { rtol: 1e-6, atol: encoded.scales[0]! / 2 });
    });
    fc.assert(property, { numRuns: 200 });
  });

  test('refuses what it cannot encode', () => {
    expect(() => encodeInt8(Float32Array.of(1, NaN), 2)).toThrow('components must be finite, got NaN in row 0');
    expect(() => encodeInt8(new Float32Array(5), 2)).toThrow('length must be a multiple of sketch 2, got 5');
  });
});
