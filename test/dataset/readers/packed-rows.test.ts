import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { localDataset } from '../../../activities/shared/local-dataset.ts';
import { parseRow } from '../../../dataset/rows/parse-row.ts';
import { packedRows, readerOf } from '../../../dataset/readers/reader-of.ts';
import { jsonRows, rowsOf } from '../../../dataset/rows/row-source.ts';
import { openStore } from '../../../store/open-store.ts';
import { datasetConfig, goldenEncoder, scanAll, writeBelow } from '../small-folder.ts';

const PACKED = 'test/golden/packed';
const OPTIONS = { format: 'auto', form: null, taskField: 'dataset', maxImages: 1 } as const;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tive-packed-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

interface Unpacked {
  rows: Record<string, unknown>[];
  texts: string[];
  pictures: Map<string, Uint8Array>;
}

async function unpack(path: string): Promise<Unpacked> {
  const pictures = new Map<string, Uint8Array>();
  const found = await packedRows(path, async (name, bytes) => {
    pictures.set(name, bytes instanceof Uint8Array ? bytes : await buffer(Readable.from(bytes)));
  });
  const texts: string[] = [];
  for await (const text of found!) texts.push(Buffer.from(text).toString());
  const rows = texts.map((text) => {
    try {
      return JSON.parse(text) as Record<string, unknown>;
    } catch {
      return {};
    }
  });
  return { rows, texts, pictures };
}

test('a kind is told by bytes, whatever the name', async () => {
  const kindOf = async (path: string) => (await readerOf(path)).kind;
  expect(await kindOf(`${PACKED}/cauldron.parquet`)).toBe('parquet');
  expect(await kindOf(`${PACKED}/shard-00000.tar`)).toBe('tar');
  expect(await kindOf('package.json')).toBe('json');
  expect(await kindOf(await writeBelow(folder, 'empty.parquet', ''))).toBe('json');
});

describe('Parquet', () => {
  test('of The Cauldron: texts are turns, their source is the label, pictures are files', async () => {
    const { rows, pictures } = await unpack(`${PACKED}/cauldron.parquet`);
    expect(rows).toHaveLength(7);
    expect(rows[1]).toEqual({
      dataset: 'VQAv2',
      images: ['00000/000000001-0.png'],
      conversations: [
        { from: 'human', value: '<image>\nQuestion: What is picture 1?' },
        { from: 'gpt', value: 'Answer 1.' },
        { from: 'human', value: 'And what else?' },
        { from: 'gpt', value: 'Nothing.' },
      ],
    });
    expect(rows[4]).toMatchObject({ images: ['00000/000000004-0.png', '00000/000000004-1.png'] });
    expect((rows[4]!['conversations'] as { value: string }[])[0]!.value).toMatch(/^<image>\n<image>\nQuestion/);
    expect(pictures.size).toBe(8);
    expect(pictures.get('00000/000000004-0.png')).toEqual(pictures.get('00000/000000000-0.png'));
  });

  test.each(['none', 'snappy', 'gzip', 'brotli', 'zstd', 'lz4'])('with %s: the same rows', async (codec) => {
    const { texts, pictures } = await unpack(`${PACKED}/llava-${codec}.parquet`);
    expect(texts).toEqual([
      '{"id":1,"dataset":"name","image":"00000/000000000-0.png","conversations":[{"from":"human","value":"<image>\\nÄ?"},{"from":"gpt","value":"Ü."}]}',
      '{"id":2,"dataset":"name","image":"00000/000000001-0.png","conversations":[{"from":"human","value":"What?\\n<image>"},{"from":"gpt","value":"A."}]}',
      '{"id":1152921504606846976,"dataset":"sum","conversations":[{"from":"human","value":"1 + 1?"},{"from":"gpt","value":"2."}]}',
      '{"id":4,"dataset":"tell","image":"00000/000000003-0.png","conversations":[{"from":"human","value":"<image>\\nTell."},{"from":"gpt","value":"It."}]}',
    ]);
    expect([...pictures.keys()]).toEqual([0, 1, 3].map((row) => `00000/00000000${row}-0.png`));
    expect(Buffer.from(pictures.get('00000/000000000-0.png')!).subarray(1, 4).toString()).toBe('PNG');
  });

  test('of two kilobytes that holds 64 MB is read, and its rows are too large to be rows', async () => {
    const { texts } = await unpack(`${PACKED}/dense.parquet`);
    expect(texts.map((text) => text.length)).toEqual(new Array(4).fill(2 ** 24 + '{"text":""}'.length));
    const path = join(folder, 'rows.jsonl');
    await writeFile(path, texts.join('\n'));
    for await (const { bytes } of jsonRows(path)) expect(bytes).toBeNull();
  }, 30_000);

  test('that is cut short, or damaged anywhere, is refused by name or read; it never hangs', async () => {
    const whole = await readFile(`${PACKED}/llava-none.parquet`);
    const path = join(folder, 'bad.parquet');
    await writeFile(path, whole.subarray(0, whole.length - 100));
    await expect(unpack(path)).rejects.toThrow(/^bad\.parquet: must be a readable Parquet file, got /);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 5), fc.integer({ min: 1, max: 255 }), async (place, change) => {
        const bytes = Buffer.from(whole);
        bytes[4 + place]! ^= change;
        await writeFile(path, bytes);
        const outcome = await unpack(path).then(
          ({ texts }) => texts.length,
          (error: Error) => error.message,
        );
        if (typeof outcome === 'string')
          expect(outcome).toMatch(/^bad\.parquet: must be a readable Parquet file, got /);
        else expect(outcome).toBe(4);
      }),
      { numRuns: 30 },
    );
  });
});

describe('tar', () => {
  test('rows are members of one stem, in order; pictures become files', async () => {
    const { rows, pictures } = await unpack(`${PACKED}/shard-00000.tar`);
    expect(rows).toEqual([
      ...[0, 1, 2].map((index) => ({
        id: `part/00000${index}`,
        dataset: 'name',
        image: `00000/00000000${index}-0.png`,
        conversations: [
          { from: 'human', value: `<image>\nWhat is ${index}?` },
          { from: 'gpt', value: `${index}.` },
        ],
      })),
      {
        id: 'a',
        images: ['00000/000000003-0.png', '00000/000000003-1.png'],
        messages: [
          { role: 'user', content: '<image><image>Which?' },
          { role: 'assistant', content: 'Both.' },
        ],
      },
      { id: 'b', txt: 'a member of 6 bytes' },
    ]);
    expect(pictures.size).toBe(5);
  });

  test.each(['no byte', 'one chunk', 'every byte'])(
    'of many small members is read to its end by one who reads %s of a picture',
    async (share) => {
      const path = join(folder, 'many.tar');
      const names = Array.from({ length: 60 }, (_, index) => String(index));
      const members = names.flatMap((name) => [
        [`${name}.jpg`, 'x'.repeat(3000)],
        [`${name}.json`, `{"n": ${name}}`],
        [`${name}.txt`, 'a caption'],
      ]);
      await writeFile(path, tar(Object.fromEntries(members) as Record<string, string>));
      const found = await packedRows(path, async (_, bytes) => {
        if (share !== 'no byte')
          for await (const chunk of bytes as AsyncIterable<Uint8Array>)
            if (share === 'one chunk' && chunk.length > 0) break;
      });
      const rows: unknown[] = [];
      for await (const row of found!) rows.push(JSON.parse(Buffer.from(row).toString()));
      expect(rows).toMatchObject(names.map((id) => ({ id, n: Number(id), txt: 'a member of 9 bytes' })));
    },
    10_000,
  );

  test('has a row of the members up to the first dot of their names, whatever their case', async () => {
    const path = join(folder, 'dots.tar');
    const members = {
      'a.v2.png': 'x',
      'a.v2.json': '{"n": 1}',
      'B.JSON': '{"n": 2}',
      'B.PNG': 'y',
      'c.meta.json': '{"n": 0}',
      'c.json': '{"n": 3}',
      'd_0.5.json': '{"n": 4}',
      'd_0.25.json': '{"n": 5}',
    };
    await writeFile(path, tar(members));
    const { rows, pictures } = await unpack(path);
    expect(rows).toEqual([
      { id: 'a', n: 1, image: '00000/000000000-0.png' },
      { id: 'B', n: 2, image: '00000/000000001-0.png' },
      { id: 'c', n: 3, 'meta.json': 'a member of 8 bytes' },
      { id: 'd_0', '5.json': 'a member of 8 bytes', '25.json': 'a member of 8 bytes' },
    ]);
    expect(pictures.size).toBe(2);
    expect(parseRow(Buffer.from(JSON.stringify(rows[3])), OPTIONS)).toMatchObject({
      reason: 'conversations_missing',
      detail: expect.stringMatching(/keys: id, 5.json, 25.json; members of a tar are one row up to/) as string,
    });
  });

  test('names members of no row as keys of the row beside them, but not what systems leave', async () => {
    const path = join(folder, 'loose.tar');
    await writeFile(
      path,
      tar({ LICENSE: 'free', '._a.json': 'z', 'a.json': '{"n": 1}', 'b.json': '{"n": 2}', 'x/README': 'no' }),
    );
    expect((await unpack(path)).rows).toEqual([
      { id: 'a', n: 1, LICENSE: 'a member of 4 bytes' },
      { id: 'b', n: 2, README: 'a member of 2 bytes' },
    ]);
  });

  test('has videos and sounds as files of the row, by their kind', async () => {
    const path = join(folder, 'clips.tar');
    await writeFile(
      path,
      tar({ 'a.json': '{"n": 1}', 'a.wav': 'w', 'b.json': '{"n": 2}', 'b.1.mp4': 'v', 'b.2.mp4': 'u' }),
    );
    const { rows, pictures } = await unpack(path);
    const names = ['00000/000000000-0.wav', '00000/000000001-0.mp4', '00000/000000001-1.mp4'];
    expect(rows).toEqual([
      { id: 'a', n: 1, audio: names[0] },
      { id: 'b', n: 2, videos: names.slice(1) },
    ]);
    expect([...pictures].map(([name, bytes]) => [name, Buffer.from(bytes).toString()])).toEqual([
      [names[0], 'w'],
      [names[1], 'v'],
      [names[2], 'u'],
    ]);
  });

  test('that is cut short is refused by name', async () => {
    const path = join(folder, 'cut.tar');
    await writeFile(path, await readFile(`${PACKED}/shard-00000.tar`));
    await truncate(path, 3000);
    await expect(unpack(path)).rejects.toThrow(/^cut\.tar: must be a whole tar archive, got .* near byte /);
  });

  test('whose members have names that lead outside writes below its own folder alone', async () => {
    const path = join(folder, 'evil.tar');
    await writeFile(path, tar({ '../../evil.png': 'x', '/etc/evil.json': '{}', 'a\\..\\..\\evil.jpg': 'y' }));
    const { pictures } = await unpack(path);
    for (const name of pictures.keys()) expect(name).toMatch(/^\d{5}\/\d{9}-\d+\.[a-z]+$/);
    expect(pictures.size).toBe(2);
  });

  test('with a row that is not JSON keeps its neighbours', async () => {
    const path = join(folder, 'mixed.tar');
    await writeFile(path, tar({ 'a.json': '{"id": 7}', 'b.json': '{"id":\n', 'c.json': '[1]', 'd.json': '{"id": 8}' }));
    const { texts } = await unpack(path);
    expect(texts).toEqual(['{"id":7}', '{"id": ', '[1]', '{"id":8}']);
  });

  test('whose numbers JavaScript would round, and whose texts are not UTF-8, keeps them', async () => {
    const path = join(folder, 'faithful.tar');
    const members = { 'a.json': '{ "id": 9007199254740993,\n"x": 1.50 }', 'b.json': '{"id": "caf\xe9"}', 'c.json': '' };
    await writeFile(path, tar(members));
    const lines: Buffer[] = [];
    for await (const line of (await packedRows(path, () => Promise.resolve()))!) lines.push(Buffer.from(line));
    expect(lines[0]!.toString()).toBe('{"id":9007199254740993,"x":1.50}');
    expect(lines.slice(1).map((line) => parseRow(line, OPTIONS))).toMatchObject([
      { reason: 'invalid_utf8' },
      { reason: 'json_syntax', detail: 'must be valid JSON, got an unexpected end' },
    ]);
  });

  test('whose first member is a list is a source of lines all the same', async () => {
    const path = join(folder, 'list.tar');
    await writeFile(path, tar({ 'a.json': '[1]', 'b.json': 'null', 'c.json': ' \n', 'd.json': '{"id": 8}' }));
    const dataset = await localDataset(openStore, datasetConfig([path]), null);
    const found: unknown[] = [];
    for await (const { bytes } of rowsOf(dataset.sources[0]!)) found.push(parseRow(bytes, OPTIONS));
    expect(found).toMatchObject([
      { reason: 'not_an_object' },
      { reason: 'not_an_object' },
      { reason: 'json_syntax' },
      { reason: 'conversations_missing', id: '8' },
    ]);
    const records = await scanAll(dataset, await goldenEncoder());
    expect(records.map(({ rejection }) => rejection?.detail)).toEqual([
      'row must be an object, got [1]',
      'row must be an object, got null',
      'must be valid JSON, got an unexpected end',
      'conversations must be a list of turns, got undefined; keys: id',
    ]);
  });

  test('any damage is a named error or rows', async () => {
    const whole = tar({ 'a.json': '{"id": 7}', 'b.png': 'x'.repeat(700), 'b.json': '{"id": 8}' });
    const path = join(folder, 'bad.tar');
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (place, change) => {
        const bytes = Buffer.from(whole);
        bytes[place]! ^= change;
        bytes.write('ustar', 257, 'latin1');
        await writeFile(path, bytes);
        const outcome = await unpack(path).then(
          ({ texts }) => texts.length,
          (error: Error) => error.message,
        );
        if (typeof outcome === 'string') expect(outcome).toMatch(/^bad\.tar: must be a whole tar archive, got /);
        else expect(outcome).toBeLessThanOrEqual(3);
      }),
      { numRuns: 200 },
    );
  });
});

/** A tar archive of short members. */
function tar(members: Record<string, string>): Buffer {
  const blocks = Object.entries(members).flatMap(([name, text]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0, 100, 'latin1');
    header.write('0000644\0', 100);
    header.write(`${text.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('00000000000\0', 136);
    header.write('        ', 148);
    header.write('0', 156);
    header.write('ustar\u000000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const body = Buffer.alloc(Math.ceil(text.length / 512) * 512);
    body.write(text, 'latin1');
    return [header, body];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
