import { createHash } from 'node:crypto';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DatasetConfig } from '../../../contracts/config.ts';
import { InvalidDatasetError } from '../../../contracts/failures.ts';
import type { PromptEncoder, TextEncoder } from '../../../dataset/prompts/prompt.ts';
import { scanDataset } from '../../../dataset/rows/scan-dataset.ts';
import type { RowRecord } from '../../../dataset/rows/scan-dataset.ts';
import {
  conversation,
  datasetConfig,
  goldenEncoder,
  noisePng,
  scanAll,
  scanOptions,
  writeBelow,
} from '../small-folder.ts';

let folder: string;
let encoder: TextEncoder;
beforeAll(async () => {
  encoder = await goldenEncoder();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tive-scan-'));
});
afterEach(() => rm(folder, { recursive: true }));

const textRow = (answer: string, keys: object = {}): object => ({ ...keys, conversations: conversation('Q?', answer) });
const imageRow = (image: string, keys: object = {}): object => ({
  ...keys,
  image,
  conversations: conversation('<image>\nWhat is it?', 'A cat.'),
});

/** Scans rows, written as one array. */
async function scan(rows: readonly unknown[], change: Partial<DatasetConfig> = {}): Promise<RowRecord[]> {
  const path = await writeBelow(folder, 'mix.json', JSON.stringify(rows, null, 2));
  return scanAll(datasetConfig([path], change), encoder);
}

const hashesOf = (records: readonly RowRecord[]): string[] =>
  records.map(({ contentHash }) => Buffer.from(contentHash).toString('hex'));

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

describe('rows', () => {
  test('come in order over all sources, each with its place', async () => {
    const first = await writeBelow(folder, 'a/first.json', '[{"x":1},\n {"y":2}]');
    const line = JSON.stringify(textRow('A.', { id: 'é', dataset: 'talk' }));
    const second = await writeBelow(folder, 'b/second.jsonl', `\n${line}\n`);
    const records = await scanAll(datasetConfig([first, second, first]), encoder);
    const places = records.map(({ rowIndex, sourceIndex, byteStart, byteEnd }) => [
      rowIndex,
      sourceIndex,
      byteStart,
      byteEnd,
    ]);
    expect(places).toEqual([
      [0, 0, 1, 8],
      [1, 0, 11, 18],
      [2, 1, 1, 1 + Buffer.byteLength(line)],
      [3, 2, 1, 8],
      [4, 2, 11, 18],
    ]);
    expect(records[2]).toMatchObject({ id: '"é"', task: 'talk', image: null, rejection: null });
  });

  test('come in chunks of 256, in row order whatever a picture costs', async () => {
    await writeBelow(folder, 'large.png', await noisePng(600, 600, 1));
    const rows = Array.from({ length: 600 }, (_, index) =>
      index % 7 === 0 ? imageRow('large.png', { id: index }) : textRow('A.', { id: index }),
    );
    const path = await writeBelow(folder, 'mix.json', JSON.stringify(rows));
    const chunks: RowRecord[][] = [];
    for await (const chunk of scanDataset(await scanOptions(datasetConfig([path]), encoder))) chunks.push(chunk);
    expect(chunks.map(({ length }) => length)).toEqual([256, 256, 88]);
    expect(chunks.flat().map(({ id }) => Number(id))).toEqual(rows.map((_, index) => index));
    expect(chunks.flat().every(({ rejection }) => rejection === null)).toBe(true);
  });

  test('carry the counts of their tokens', async () => {
    await writeBelow(folder, 'a.png', await noisePng(8, 8, 1));
    const [text, image] = await scan([textRow('A.'), imageRow('a.png')]);
    const wanted = encoder.encode(
      [
        { role: 'human', value: 'Q?' },
        { role: 'gpt', value: 'A.' },
      ],
      0,
    );
    if ('reason' in wanted) throw new Error(wanted.detail);
    expect(text).toMatchObject({
      tokenCount: wanted.ids.length,
      imageTokenCount: 0,
      supervisedTokenCount: wanted.supervisedTokenCount,
      truncated: false,
    });
    expect(image).toMatchObject({ imageTokenCount: 16, image: 'a.png' });
  });

  test('end at max_rows, counted over all sources', async () => {
    const first = await writeBelow(folder, 'first.json', JSON.stringify([textRow('A.'), textRow('B.')]));
    const second = await writeBelow(folder, 'second.json', JSON.stringify([textRow('C.'), textRow('D.')]));
    const count = async (maxRows: number | null): Promise<number> =>
      (await scanAll(datasetConfig([first, second], { maxRows }), encoder)).length;
    expect([await count(1), await count(2), await count(3), await count(9), await count(null)]).toEqual([
      1, 2, 3, 4, 4,
    ]);
  });

  test('of an empty source are none', async () => {
    expect(await scan([])).toEqual([]);
  });
});

describe('a row that cannot be used is set aside with its reason', () => {
  test('where its picture cannot be used', async () => {
    const picture = await noisePng(64, 64, 1);
    const outside = await mkdtemp(join(tmpdir(), 'tive-outside-'));
    try {
      await writeBelow(folder, 'images/good.png', picture);
      await writeBelow(folder, 'images/page.jpg', '<!DOCTYPE html><html>404</html>');
      await writeBelow(folder, 'images/cut.png', picture.subarray(0, picture.length / 2));
      await writeBelow(folder, 'images/note.png', 'none');
      await writeBelow(outside, 'good.png', picture);
      await writeBelow(folder, 'good.png', picture);
      await symlink(join(outside, 'good.png'), join(folder, 'images/link.png'));
      await symlink('circle.png', join(folder, 'images/circle.png'));
      const long = `data:image/png,${'A'.repeat(5000)}`;
      const inside = `file://${join(folder, 'images/good.png')}`;
      const names = [
        'good.png',
        'gone.png',
        'page.jpg',
        'cut.png',
        'note.png',
        '../good.png',
        join(outside, 'good.png'),
        'link.png',
        'circle.png',
        long,
        inside,
        join(folder, 'images/good.png'),
        'https://example.org/a.png',
        `data:image/png;base64,${picture.toString('base64')}`,
        picture.toString('base64'),
      ];
      const rows = names.map((name) => imageRow(name, { dataset: 'vqa' }));
      const records = await scan(rows, { imageFolder: join(folder, 'images') });
      const missing = (path: string): object => ({ reason: 'image_missing', detail: `image must exist, got ${path}` });
      const escaping = (path: string): object => ({
        reason: 'image_path_escapes',
        detail: `image must lie below image_folder, got "${path}"`,
      });
      expect(records.map(({ rejection }) => rejection)).toEqual([
        null,
        missing('gone.png'),
        { reason: 'image_type_html', detail: 'image must be a picture, got an HTML page; the link is probably dead' },
        { reason: 'image_truncated', detail: 'image must be complete, got a premature end of PNG data' },
        {
          reason: 'image_type_unsupported',
          detail: 'image must be JPEG, PNG, GIF, WebP, TIFF or AVIF, got bytes 6e6f6e65',
        },
        escaping('../good.png'),
        { ...escaping(''), detail: expect.stringContaining('; set image_folder to a folder above it') as string },
        escaping('link.png'),
        missing('circle.png'),
        {
          reason: 'image_corrupt',
          detail: expect.stringMatching(
            /^image must be data:image.* got "data:image\/png,A+…; write base64 /,
          ) as string,
        },
        null,
        null,
        {
          reason: 'image_missing',
          detail: 'image must be a file below image_folder, got the address "https://example.org/a.png"; download it',
        },
        null,
        null,
      ]);
      expect(records[13]!.image).toMatch(/^data:image\/png;base64,… \([\d,]+ characters\)$/);
      expect(records[13]!.contentHash).toEqual(records[0]!.contentHash);
      expect(records.map(({ task, rowIndex }) => [task, rowIndex])).toEqual(names.map((_, index) => ['vqa', index]));
      expect(records[1]).toMatchObject({
        tokenCount: 0,
        imageTokenCount: 0,
        supervisedTokenCount: 0,
        truncated: false,
      });
    } finally {
      await rm(outside, { recursive: true });
    }
  });

  test('where its form is wrong; its hash is zero, its neighbours stay', async () => {
    const records = await scan([textRow('A.'), { id: 5, dataset: 'vqa' }, 17, textRow('B.')]);
    expect(records.map(({ rejection }) => rejection?.reason ?? null)).toEqual([
      null,
      'conversations_missing',
      'not_an_object',
      null,
    ]);
    expect(records[1]).toMatchObject({ id: '5', task: 'vqa', image: null });
    expect(records[1]!.contentHash).toEqual(new Uint8Array(32));
  });

  test('where its text is reserved, or differs from its tokens', async () => {
    const [record] = await scan([textRow('A.</s>')]);
    expect(record!.rejection).toEqual({
      reason: 'reserved_text',
      detail: 'turn 1: value must not contain "</s>", which separates turns',
    });
    expect(record!.tokenCount).toBe(0);
  });

  test('where it has no task and no rule gives one', async () => {
    const records = await scan([textRow('A.', { kind: 'vqa' }), textRow('A.')], { taskField: 'kind', taskRules: null });
    expect(records.map(({ task, rejection }) => [task, rejection])).toEqual([
      ['vqa', null],
      [null, { reason: 'task_missing', detail: 'row must have "kind", got none' }],
    ]);
  });

  test('with its line in JSON lines, and without one in an array', async () => {
    const lines = await writeBelow(folder, 'rows.jsonl', `${JSON.stringify(textRow('A.'))}\n\n{"id":\n`);
    const array = await writeBelow(folder, 'rows.json', `[${JSON.stringify(textRow('A.'))}, {"id": }]`);
    const details = async (path: string): Promise<(string | undefined)[]> =>
      (await scanAll(datasetConfig([path]), encoder)).map(({ rejection }) => rejection?.detail);
    expect(await details(lines)).toEqual([undefined, 'line 3: must be valid JSON, got an unexpected end']);
    expect(await details(array)).toEqual([undefined, "must be valid JSON, got an unexpected token '}'"]);
  });
});

describe('the task', () => {
  test("is the row's own label, else what the rules give", async () => {
    await writeBelow(folder, 'coco/a.png', await noisePng(8, 8, 1));
    const rows = [textRow('A.', { dataset: 'own' }), textRow('A.'), imageRow('coco/a.png')];
    const tasks = async (taskRules: DatasetConfig['taskRules']): Promise<(string | null)[]> =>
      (await scan(rows, { taskRules })).map(({ task }) => task);
    expect(await tasks('llava-1.5')).toEqual(['own', 'sharegpt', 'llava_instruct']);
    expect(await tasks('prefix')).toEqual(['own', 'text', 'coco']);
    expect(await tasks('single')).toEqual(['own', 'all', 'all']);
  });
});

describe('the content hash', () => {
  test('is SHA-256 of the canonical JSON of turns as read and of the hashes of pictures', async () => {
    const picture = await writeBelow(folder, 'a.png', await noisePng(8, 8, 1));
    const bytes = await noisePng(8, 8, 1);
    const row = { image: 'a.png', conversations: conversation(' What is it? <image> ', 'Ä cat.') };
    const canonical = `{"turns":[["human"," What is it? <image> "],["gpt","Ä cat."]],"images":["${sha256(bytes)}"]}`;
    expect(picture).toBe(join(folder, 'a.png'));
    expect(hashesOf(await scan([row, textRow('A.')]))).toEqual([
      sha256(canonical),
      sha256('{"turns":[["human","Q?"],["gpt","A."]],"images":[]}'),
    ]);
  });

  test('does not depend on id, path, task and other keys', async () => {
    await writeBelow(folder, 'a.png', await noisePng(8, 8, 1));
    await writeBelow(folder, 'copy/b.png', await noisePng(8, 8, 1));
    const rows = [imageRow('a.png'), imageRow('copy/b.png', { id: 7, dataset: 'x', model: '' })];
    expect(new Set(hashesOf(await scan(rows))).size).toBe(1);
  });

  test('depends on each turn and on the bytes of the picture', async () => {
    await writeBelow(folder, 'a.png', await noisePng(8, 8, 1));
    await writeBelow(folder, 'b.png', await noisePng(8, 8, 2));
    const rows = [imageRow('a.png'), imageRow('b.png'), textRow('A.'), textRow('A. '), textRow('B.')];
    expect(new Set(hashesOf(await scan(rows))).size).toBe(rows.length);
  });
});

describe('pictures', () => {
  test('whose extension names another type are used, and counted', async () => {
    const picture = sharp(await noisePng(8, 8, 1));
    await writeBelow(folder, 'a.jpg', await picture.gif().toBuffer());
    await writeBelow(folder, 'b.jpg', await picture.jpeg().toBuffer());
    await writeBelow(folder, 'c', await picture.png().toBuffer());
    const records = await scan([imageRow('a.jpg'), imageRow('b.jpg'), imageRow('c'), textRow('A.')]);
    expect(records.map(({ extensionDiffers }) => extensionDiffers)).toEqual([true, false, false, false]);
    expect(records.map(({ rejection }) => rejection)).toEqual([null, null, null, null]);
  });

  test('of many rows are read once', async () => {
    const path = await writeBelow(folder, 'a.png', await noisePng(8, 8, 1));
    const rows = Array.from({ length: 600 }, () => imageRow('a.png'));
    const source = await writeBelow(folder, 'mix.json', JSON.stringify(rows));
    const chunks = scanDataset(await scanOptions(datasetConfig([source]), encoder));
    const first = await chunks.next();
    await rm(path);
    const records = [...((first.value ?? []) as RowRecord[])];
    for await (const chunk of chunks) records.push(...chunk);
    expect(records).toHaveLength(600);
    expect(records.every(({ rejection }) => rejection === null)).toBe(true);
    expect(new Set(hashesOf(records)).size).toBe(1);
  });

  test('lie below the folder of their source, or one folder, or a folder for each source', async () => {
    const first = await writeBelow(folder, 'one/first.json', JSON.stringify([imageRow('a.png')]));
    const second = await writeBelow(folder, 'two/second.json', JSON.stringify([imageRow('a.png')]));
    await writeBelow(folder, 'one/a.png', await noisePng(8, 8, 1));
    const reasons = async (imageFolder: string | string[] | null): Promise<unknown[]> =>
      (await scanAll(datasetConfig([first, second], { imageFolder }), encoder)).map(
        ({ rejection }) => rejection?.reason,
      );
    expect(await reasons(null)).toEqual([undefined, 'image_missing']);
    expect(await reasons(join(folder, 'one'))).toEqual([undefined, undefined]);
    expect(await reasons(join(folder, 'two'))).toEqual(['image_missing', 'image_missing']);
    expect(await reasons([join(folder, 'two'), join(folder, 'one')])).toEqual(['image_missing', undefined]);
  });
});

describe('errors', () => {
  test('name a source that is not there, or is a folder', async () => {
    const path = join(folder, 'mix.json');
    const error = (got: string): Error => new InvalidDatasetError(`dataset.path: ${got}`);
    await expect(scanAll(datasetConfig([path]), encoder)).rejects.toThrow(error(`file must exist, got "${path}"`));
    await expect(scanAll(datasetConfig([folder]), encoder)).rejects.toThrow(
      error(`must be a file, got a folder at "${folder}"`),
    );
  });

  test('name the source that is cut short', async () => {
    const whole = await writeBelow(folder, 'whole.json', JSON.stringify([textRow('A.')]));
    const cut = await writeBelow(folder, 'cut.json', '[{"a":1},{"b"');
    await expect(scanAll(datasetConfig([whole, cut]), encoder)).rejects.toThrow(
      new InvalidDatasetError(
        'cut.json byte 13: the array must be closed, got end of file after 1 rows; download it again',
      ),
    );
  });

  test('of a row reach the caller, though the source goes on or breaks off before', async () => {
    const broken: PromptEncoder = {
      endsAnswers: true,
      notes: () => [],
      encodeAll: () => Promise.reject(new RangeError('the encoder is broken')),
    };
    // More than one piece of the stream lies between the rows, so the first row fails while the second is awaited.
    const gap = ' '.repeat(3 * 1024 * 1024);
    const row = JSON.stringify(textRow('A.'));
    const path = join(folder, 'mix.json');
    await writeFile(path, `[${row},${gap}${row}]`);
    await expect(scanAll(datasetConfig([path]), broken)).rejects.toThrow(new RangeError('the encoder is broken'));
    await writeFile(path, `[${row},${gap}${row}`);
    await expect(scanAll(datasetConfig([path]), broken)).rejects.toThrow(InvalidDatasetError);
  });
});
