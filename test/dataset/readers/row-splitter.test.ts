import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidDatasetError } from '../../../contracts/failures.ts';
import { MAX_ROW_BYTES, splitRows } from '../../../dataset/readers/row-splitter.ts';
import type { SourceRow } from '../../../dataset/readers/row-splitter.ts';

const MEBIBYTE = 1024 * 1024;

/** A stream of the bytes, cut into pieces of the given sizes, again and again. */
async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (let piece = 0; start < bytes.length; piece += 1) {
    const end = Math.min(bytes.length, start + sizes[piece % sizes.length]!);
    yield await Promise.resolve(bytes.subarray(start, end));
    start = end;
  }
}

async function split(data: string | Uint8Array, sizes: readonly number[] = [MEBIBYTE]): Promise<SourceRow[]> {
  const rows: SourceRow[] = [];
  for await (const row of splitRows(cut(Buffer.from(data), sizes), 'mix.json')) rows.push(row);
  return rows;
}

const textOf = ({ bytes }: SourceRow): string => Buffer.from(bytes!).toString('utf8');

/** Texts of the rows, after their ranges were compared with the file. */
async function textsOf(data: string | Uint8Array, sizes?: readonly number[]): Promise<string[]> {
  const file = Buffer.from(data);
  const rows = await split(data, sizes);
  return rows.map((row) => {
    expect(file.subarray(row.byteStart, row.byteEnd)).toEqual(Buffer.from(row.bytes!));
    return textOf(row);
  });
}

describe('a JSON array', () => {
  test('gives the very bytes of each row: key order, escapes, numbers and spacing survive', async () => {
    const rows = ['{ "b":1.0,"a" : "\\u00e9é" }', '{"id": 12345678901234567890,\r\n  "x": [ ] }', '{"n":-0.50e+2}'];
    expect(await textsOf(`[\n${rows.join(' ,\n ')}\n]\n`)).toEqual(rows);
  });

  test('gives ranges of bytes, not of characters, and no lines', async () => {
    expect(await split('[ {"é":1} , {"a":2} ]')).toEqual([
      { byteStart: 2, byteEnd: 10, line: null, bytes: Buffer.from('{"é":1}') },
      { byteStart: 13, byteEnd: 20, line: null, bytes: Buffer.from('{"a":2}') },
    ]);
  });

  test('is not split by brackets, braces, commas and quotes inside of strings', async () => {
    const rows = ['{"a":"}],[{"}', '{"a":"\\"},{\\""}', '{"a":"\\\\"}', '{"a":"\\\\\\"]"}', '"],["'];
    expect(await textsOf(`[${rows.join(',')}]`)).toEqual(rows);
  });

  test('keeps nested arrays and objects in their row', async () => {
    const rows = ['{"a":[[1,2],[{"b":[3,4]}],5],"c":{}}', '[[],[1,[2,3]]]'];
    expect(await textsOf(`[${rows.join(',')}]`)).toEqual(rows);
  });

  test('gives elements that are no objects as rows, too', async () => {
    const rows = ['1', '-2.5e3', 'null', 'true', '"a, b"', '[1, 2]', '{}'];
    expect(await textsOf(`[${rows.join(', ')}]`)).toEqual(rows);
  });

  test('skips empty places between commas', async () => {
    expect(await textsOf('[,{"a":1}, ,\n{"b":2},]')).toEqual(['{"a":1}', '{"b":2}']);
  });

  test('keeps what stands between two commas in one row, JSON or not', async () => {
    expect(await textsOf('[{"a":1} {"b":2}, nonsense, {"c":3}]')).toEqual(['{"a":1} {"b":2}', 'nonsense', '{"c":3}']);
  });

  test('loses one row, not the file, to a brace too many', async () => {
    expect(await textsOf('[{"a":1}}, {"b":2}]')).toEqual(['{"a":1}}', '{"b":2}']);
  });

  test.each(['[]', '  [\n]\n', '\ufeff[ ]'])('without rows gives none: %j', async (text) => {
    expect(await split(text)).toEqual([]);
  });

  test.each(['[{"a":1}', '[{"a":1},', '[{"a":1},{"b":"]', '[{"a":1},{"b":{}'])(
    'that is not closed gives its whole rows, then an error with place and count: %s',
    async (text) => {
      const rows: string[] = [];
      const read = async (): Promise<void> => {
        for await (const row of splitRows(cut(Buffer.from(text), [MEBIBYTE]), 'mix.json')) rows.push(textOf(row));
      };
      const count = text === '[{"a":1}' ? 0 : 1;
      const error = new InvalidDatasetError(
        `mix.json byte ${text.length}: the array must be closed, got end of file after ${count} rows; download it again`,
      );
      await expect(read()).rejects.toThrow(error);
      expect(rows).toEqual(count === 0 ? [] : ['{"a":1}']);
    },
  );

  test('that is not closed is called out with grouped digits', async () => {
    const text = `[${'{"a":1},'.repeat(1200)}`;
    await expect(split(text)).rejects.toThrow(
      'mix.json byte 9,601: the array must be closed, got end of file after 1,200 rows; download it again',
    );
  });

  test.each([
    ['[{"a":1}] x', 10, 'x'],
    ['[{"a":1}]\n[{"b":2}]', 10, '['],
    ['[],', 2, ','],
    ['[]]', 2, ']'],
  ])('must be all of the file: %j', async (text, byte, got) => {
    const error = new InvalidDatasetError(
      `mix.json byte ${byte}: the array must be all of the file, got "${got}" after its end; give several arrays as several files`,
    );
    await expect(split(text)).rejects.toThrow(error);
    await expect(split(text, [1])).rejects.toThrow(error);
  });
});

describe('JSON lines', () => {
  test('give the very bytes of each line without white space around it, and its number', async () => {
    expect(await split('{"é":1}\n  {"a": 2}\t\n')).toEqual([
      { byteStart: 0, byteEnd: 8, line: 1, bytes: Buffer.from('{"é":1}') },
      { byteStart: 11, byteEnd: 19, line: 2, bytes: Buffer.from('{"a": 2}') },
    ]);
  });

  test('may end without a line break', async () => {
    expect(await textsOf('{"a":1}\n{"b":2}')).toEqual(['{"a":1}', '{"b":2}']);
  });

  test('may be blank: blank lines give no row but count as lines', async () => {
    const rows = await split('\n \n{"a":1}\n\n\t\n{"b":2}\n\n');
    expect(rows.map((row) => [row.line, textOf(row)])).toEqual([
      [3, '{"a":1}'],
      [6, '{"b":2}'],
    ]);
  });

  test('may end in CRLF, which is no part of a row', async () => {
    const rows = await split('{"a":1}\r\n\r\n{"b":2}\r\n');
    expect(rows.map((row) => [row.line, row.byteStart, row.byteEnd, textOf(row)])).toEqual([
      [1, 0, 7, '{"a":1}'],
      [3, 11, 18, '{"b":2}'],
    ]);
  });

  test('are rows whatever they hold', async () => {
    const lines = ['{"a":1}', '5', '[{"a":1}]', '{"a":', 'nonsense'];
    expect(await textsOf(lines.join('\n'))).toEqual(lines);
  });
});

describe('a byte order mark', () => {
  test.each(['[{"a":1}]', '{"a":1}\n', ' \n [ {"a":1} ]'])('is skipped and counts in the ranges: %j', async (text) => {
    expect(await textsOf(`\ufeff${text}`)).toEqual(['{"a":1}']);
    expect((await split(`\ufeff${text}`))[0]!.byteStart).toBe(3 + text.indexOf('{'));
  });
});

describe('chunk borders', () => {
  const files = [
    '\ufeff \n[ {"a":"}]\\"é"} ,\r\n 5, [1,[2]] ,{"b":{"c":"\\\\"}}\n]\n',
    '\ufeff\n\r\n{"a":"\\n é"}\r\n\n  7\n{"b":[1,{"c":2}]}',
  ];
  test.each(files)('do not matter wherever the file is cut: %j', async (text) => {
    const wanted = await split(text);
    expect(wanted.length).toBeGreaterThan(2);
    const { byteLength } = Buffer.from(text);
    for (let size = 1; size <= byteLength; size += 1) expect(await split(text, [size]), `size ${size}`).toEqual(wanted);
    for (let first = 1; first < byteLength; first += 1)
      expect(await split(text, [first, byteLength]), `first ${first}`).toEqual(wanted);
  });

  const object = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue());
  const value = fc.oneof(object, fc.jsonValue());
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 });
  const space = fc.constantFrom('', ' ', '\n', '\r\n\t ');

  test('do not matter in any array', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(value), fc.constantFrom(0, 2), space, sizes, async (values, indent, gap, pieces) => {
        const rows = values.map((item) => JSON.stringify(item, null, indent));
        expect(await textsOf(`${gap}[${gap}${rows.join(`${gap},${gap}`)}${gap}]${gap}`, pieces)).toEqual(rows);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  test('do not matter in any lines', async () => {
    const lineEnd = fc.constantFrom('\n', '\r\n', '\n\n');
    await fc.assert(
      fc.asyncProperty(object, fc.array(value), lineEnd, sizes, async (first, values, end, pieces) => {
        const rows = [first, ...values].map((item) => JSON.stringify(item));
        expect(await textsOf(rows.join(end), pieces)).toEqual(rows);
      }),
      { numRuns: 200, seed: 2 },
    );
  });
});

describe('a row of more than 16 MiB', () => {
  const ofLength = (byteLength: number): string => `{"a":"${'x'.repeat(byteLength - 8)}"}`;

  test.each([
    ['array', '[', ',\n', ']'],
    ['lines', '{}\n', '\n', '\n'],
  ])('in %s has no bytes, one of 16 MiB has; the rows after it are whole', async (_, before, separator, after) => {
    const [fits, large] = [ofLength(MAX_ROW_BYTES), ofLength(MAX_ROW_BYTES + 1)];
    const file = Buffer.from(`${before}${large}${separator}${fits}${separator}{"b":2}${after}`);
    const rows = (await split(file)).filter(({ byteStart }) => byteStart >= before.length);
    expect(rows.map(({ bytes }) => bytes?.length ?? null)).toEqual([null, MAX_ROW_BYTES, 7]);
    expect(rows.map(({ byteStart, byteEnd }) => file.toString('latin1', byteStart, byteEnd))).toEqual([
      large,
      fits,
      '{"b":2}',
    ]);
  });

  test.each([
    ['array', '[{"a":"', '"}, {"b":2}]'],
    ['lines', '{"a":"', '"}\n{"b":2}\n'],
  ])('in %s is not held in memory', async (_, before, after) => {
    const piece = new Uint8Array(MEBIBYTE).fill(0x78);
    const pieceCount = 160;
    const start = process.memoryUsage().arrayBuffers;
    let peak = 0;
    const chunks = async function* (): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from(before));
      for (let index = 0; index < pieceCount; index += 1) {
        peak = Math.max(peak, process.memoryUsage().arrayBuffers - start);
        yield piece;
      }
      yield Buffer.from(after);
    };
    const rows: SourceRow[] = [];
    for await (const row of splitRows(chunks(), 'mix.json')) rows.push(row);
    expect(rows.map(({ bytes }) => bytes?.length ?? null)).toEqual([null, 7]);
    expect(rows[0]!.byteEnd - rows[0]!.byteStart).toBe(8 + pieceCount * MEBIBYTE);
    expect(peak).toBeLessThan(48 * MEBIBYTE);
  });
});

describe('a file of another form is refused', () => {
  test.each([
    ['<!doctype html><html></html>', '"<!do"; the download is probably an error page'],
    ['\n  <html><body>404</body></html>', '"<htm"; the download is probably an error page'],
    ['PAR1\u0000', '"PAR1"'],
    ['"text"', '"\\"tex"'],
    ['', 'an empty file'],
    [' \r\n\t', '" \\r\\n\\t"'],
    ['\ufeff', '"\ufeff"'],
  ])('%j', async (text, got) => {
    const error = new InvalidDatasetError(`mix.json: must start with "[" or "{", got ${got}`);
    await expect(split(text)).rejects.toThrow(error);
    await expect(split(text, [1])).rejects.toThrow(error);
  });

  test.each([
    ['gzip', [0x1f, 0x8b, 8, 0]],
    ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
    ['zip', [0x50, 0x4b, 3, 4]],
    ['bzip2', [0x42, 0x5a, 0x68, 0x39]],
  ])('as a %s file', async (name, magic) => {
    const error = new InvalidDatasetError(
      `mix.json: must be JSON, Parquet or tar, got a ${name} file; unpack it first`,
    );
    const chunks = (async function* () {
      yield await Promise.resolve(Uint8Array.from([...magic, ...new Array<number>(40).fill(7)]));
    })();
    await expect(splitRows(chunks, 'mix.json').next()).rejects.toThrow(error);
  });

  test('as a Git LFS pointer', async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 1073741824\n`;
    const error = new InvalidDatasetError(
      `mix.json: must hold data, got a Git LFS pointer of ${pointer.length} bytes; run git lfs pull`,
    );
    await expect(split(pointer)).rejects.toThrow(error);
    await expect(split(pointer, [1])).rejects.toThrow(error);
  });
});
