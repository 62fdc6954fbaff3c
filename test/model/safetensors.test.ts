import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { encodeSafetensors, openSafetensors } from '../../model/safetensors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Writes header length, header and data as they are. */
async function write(header: unknown, data: Uint8Array, headerLength?: number): Promise<string> {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(headerLength ?? json.length));
  return writeBytes(Buffer.concat([length, json, data]));
}

async function writeBytes(bytes: Uint8Array): Promise<string> {
  const path = join(folder, 'file.safetensors');
  await writeFile(path, bytes);
  return path;
}

/** The one tensor `x` of a file, as float32. */
async function readStored(dtype: string, shape: number[], data: Uint8Array): Promise<Float32Array> {
  const file = await openSafetensors(await write({ x: { dtype, shape, data_offsets: [0, data.length] } }, data));
  try {
    return await file.read('x');
  } finally {
    await file.close();
  }
}

const shorts = (values: number[]): Uint8Array => new Uint8Array(Uint16Array.from(values).buffer);

/** The value of half-precision bits by its definition: (−1)^s · 2^(e−15) · (1 + f/1024), subnormal 2^(−14) · f/1024. */
function halfValue(bits: number): number {
  const sign = bits >> 15 === 1 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * 2 ** -14 * (fraction / 1024) : sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}

describe('values widen to float32', () => {
  test('every one of the 65,536 halves has its value by definition, subnormals and infinities too', async () => {
    const bits = Array.from({ length: 65_536 }, (_, index) => index);
    const values = await readStored('F16', [65_536], shorts(bits));
    const wrong = bits.filter((bit) => !Object.is(values[bit], halfValue(bit)));
    expect(wrong).toEqual([]);
  });

  test('bfloat16 is the upper half of a float32', async () => {
    const values = await readStored('BF16', [6], shorts([0x3f80, 0xc049, 0x7f80, 0xff80, 0x0001, 0x8000]));
    expect([...values]).toEqual([1, -3.140625, Infinity, -Infinity, 2 ** -133, -0]);
  });

  test('float64 is rounded to the nearest float32', async () => {
    const doubles = [Math.PI, -1e-300, 1e300, 1 + 2 ** -24, 1 + 2 ** -24 + 2 ** -40];
    const values = await readStored('F64', [5], new Uint8Array(Float64Array.from(doubles).buffer));
    expect([...values]).toEqual([Math.fround(Math.PI), -0, Infinity, 1, 1 + 2 ** -23]);
  });

  test.each<[string, number, Uint8Array]>([
    ['F32', 9, new Uint8Array(Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]).buffer)],
    ['F64', 9, new Uint8Array(Float64Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]).buffer)],
    ['BF16', 9, shorts([0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0, 0x40e0, 0x4100, 0x4110])],
  ])('%s is read piece by piece, the last piece shorter', async (dtype, count, data) => {
    const header = {
      before: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
      x: { dtype, shape: [count], data_offsets: [4, 4 + data.length] },
    };
    const path = await write(header, Buffer.concat([Buffer.alloc(4), data]));
    for (const pieceBytes of [8, 16, undefined]) {
      const file = await openSafetensors(path, pieceBytes);
      expect([...(await file.read('x'))]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
      await file.close();
    }
  });

  test('a tensor of a type that is not read is listed beside those that are', async () => {
    const header = {
      packed: { dtype: 'F8_E4M3', shape: [4], data_offsets: [0, 4] },
      x: { dtype: 'F32', shape: [1], data_offsets: [4, 8] },
    };
    const file = await openSafetensors(await write(header, new Uint8Array(Float32Array.of(0, 7).buffer)));
    expect(file.tensors.get('packed')).toMatchObject({ dtype: 'F8_E4M3', shape: [4] });
    expect([...(await file.read('x'))]).toEqual([7]);
    await file.close();
  });

  test('integers and unknown types are refused', async () => {
    await expect(readStored('I32', [1], new Uint8Array(4))).rejects.toThrow(
      /file\.safetensors: x must be F32, F16, BF16 or F64, got I32/,
    );
    await expect(readStored('Q4_0', [1], new Uint8Array(4))).rejects.toThrow(
      /must be F32, F16, BF16 or F64, got Q4_0; quantised weights are not supported/,
    );
  });
});

describe('files that are not whole are refused before anything is allocated', () => {
  const expectRefusal = async (path: string, message: RegExp): Promise<void> => {
    const opened = openSafetensors(path);
    await expect(opened).rejects.toThrow(InvalidConfigError);
    await expect(opened).rejects.toThrow(message);
  };

  test('a header longer than the file', async () => {
    await expectRefusal(
      await write('{}', new Uint8Array(0), 1000),
      /header length must be below the file size, got 1,000 of 10 bytes; truncated/,
    );
  });

  test('a file shorter than the length field', async () => {
    await expectRefusal(await writeBytes(new Uint8Array(5)), /must hold 8 bytes, got 5; the file is truncated/);
  });

  test('a pointer of Git LFS', async () => {
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 123\n';
    await expectRefusal(
      await writeBytes(Buffer.from(pointer)),
      /header length must be below the file size, got .* of 66 bytes; truncated, or an LFS pointer/,
    );
  });

  test('data that end early', async () => {
    const header = { x: { dtype: 'F32', shape: [4], data_offsets: [0, 16] } };
    await expectRefusal(await write(header, new Uint8Array(12)), /x must hold 16 bytes within 12, got the range 0–16/);
  });

  test('a range that does not fit the shape', async () => {
    const header = { x: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 12] } };
    await expectRefusal(await write(header, new Uint8Array(16)), /x must hold 16 bytes within 16, got the range 0–12/);
  });

  test.each<[string, [number, number][], RegExp]>([
    [
      'overlap',
      [
        [0, 8],
        [4, 12],
      ],
      /file\.safetensors: t1 must begin at byte 8, where the tensor before it ends, got 4–12; save the file again/,
    ],
    [
      'leave a gap',
      [
        [0, 4],
        [8, 12],
      ],
      /t1 must begin at byte 4, where the tensor before it ends, got 8–12/,
    ],
    ['begin late', [[4, 12]], /t0 must begin at byte 0, where the tensor before it ends, got 4–12/],
    ['end early', [[0, 8]], /tensors must cover all 12 bytes of data, got 8; save the file again/],
    ['run backwards', [[8, 4]], /t0 must hold 4 bytes within 12, got the range 8–4/],
  ])('ranges that %s', async (_, ranges, message) => {
    const header = ranges.map(([start, end], index) => [
      `t${index}`,
      { dtype: 'F32', shape: [Math.abs(end - start) / 4], data_offsets: [start, end] },
    ]);
    await expectRefusal(await write(Object.fromEntries(header), new Uint8Array(12)), message);
  });

  test('headers that are not tables of tensors', async () => {
    await expectRefusal(await write('{"x":', new Uint8Array(0)), /header must be JSON, got /);
    await expectRefusal(await write('[1]', new Uint8Array(0)), /header must be an object, got \[1\]/);
    await expectRefusal(
      await write({ x: { dtype: 'F32' } }, new Uint8Array(0)),
      /x must have dtype, shape and data_offsets/,
    );
    await expectRefusal(
      await write({ x: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, new Uint8Array(4)),
      /x must have dtype, shape/,
    );
  });
});

describe('encoding', () => {
  const tensors = [
    { name: 'b', shape: [2, 3], values: Float32Array.of(1, -2, 3.5, 1e-40, Infinity, -0) },
    { name: 'a', shape: [], values: Float32Array.of(7) },
    { name: 'view', shape: [2], values: new Float32Array([9, 8, 7, 6]).subarray(1, 3) },
    { name: 'empty', shape: [0], values: new Float32Array(0) },
  ];

  test('a written file opens with the same names, shapes and bits, in order', async () => {
    const file = await openSafetensors(await writeBytes(encodeSafetensors(tensors)));
    try {
      expect([...file.tensors].map(([name, { shape }]) => ({ name, shape }))).toEqual(
        tensors.map(({ name, shape }) => ({ name, shape })),
      );
      for (const { name, values } of tensors) expect(await file.read(name), name).toEqual(Float32Array.from(values));
      await expect(file.read('c')).rejects.toThrow(/tensor must exist, got no "c"/);
    } finally {
      await file.close();
    }
  });

  test('data start at a multiple of eight bytes and equal input gives equal bytes', () => {
    const bytes = encodeSafetensors(tensors);
    expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
    expect(encodeSafetensors(tensors)).toEqual(bytes);
  });
});
