import { mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { InvalidDatasetError } from '../../../contracts/failures.ts';
import { changePicture, pictureChanger } from '../../../dataset/images/change-picture.ts';
import { preprocessImage } from '../../../dataset/images/image-preprocess.ts';
import { readImageSettings } from '../../../dataset/images/image-settings.ts';
import type { ImageSettings } from '../../../dataset/images/image-settings.ts';
import { ExampleLoader } from '../../../dataset/rows/load-example.ts';
import { imageKey } from '../../../dataset/rows/row-reader.ts';
import type { Turn } from '../../../dataset/forms/conversation.ts';
import type { TextEncoder } from '../../../dataset/prompts/prompt.ts';
import { scanAll, conversation, datasetConfig, goldenEncoder, noisePng, writeBelow } from '../small-folder.ts';

const GOLDEN = 'test/golden/tiny-llava';

let encoder: TextEncoder;
let settings: ImageSettings;
let folder: string;
let loader: ExampleLoader | null;
beforeAll(async () => {
  encoder = await goldenEncoder();
  settings = await readImageSettings(`${GOLDEN}/model`);
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tive-load-'));
  loader = null;
});
afterEach(async () => {
  await loader?.close();
  await rm(folder, { recursive: true });
});

function open(path: string[], aspect: 'pad' | 'crop' = 'crop'): ExampleLoader {
  loader = new ExampleLoader(datasetConfig(path), encoder, settings, aspect, pictureChanger(`${GOLDEN}/model`));
  return loader;
}

describe('a row', () => {
  test('is read again by its byte range, from each source and in any order', async () => {
    await writeBelow(folder, 'a.png', await noisePng(8, 8, 1));
    const lines = ['Ä cat.', 'A dog.'].map((answer) => JSON.stringify({ conversations: conversation('Q?', answer) }));
    const array = [
      { image: 'a.png', conversations: conversation('What? <image>', 'A.', ' More?', ' B. ') },
      { conversations: conversation('Q?', 'C.') },
    ];
    const paths = [
      await writeBelow(folder, 'first.jsonl', lines.join('\r\n')),
      await writeBelow(folder, 'second.json', `\ufeff${JSON.stringify(array, null, 2)}`),
    ];
    const records = await scanAll(datasetConfig(paths), encoder);
    const wanted = [
      [['Q?', 'Ä cat.'], []],
      [['Q?', 'A dog.'], []],
      [['<image>\nWhat?', 'A.', ' More?', ' B. '], ['a.png']],
      [['Q?', 'C.'], []],
    ] as const;
    expect(records).toHaveLength(wanted.length);
    const reader = open(paths);
    for (const index of [3, 0, 2, 1, 2]) {
      const [values, images] = wanted[index]!;
      const keys = images.map((name) => imageKey(folder, name));
      const turns = values.map((value, turn) => ({
        role: turn % 2 === 0 ? ('human' as const) : ('gpt' as const),
        value,
      }));
      const [example] = await reader.load([records[index]!]);
      expect(example).toEqual({
        prompt: encoder.encode(turns, keys.length),
        images: keys,
        turns: expect.any(Array) as Turn[],
      });
      expect(example!.prompt.ids).toHaveLength(records[index]!.tokenCount);
    }
  });

  test.each([
    ['is no JSON any more', '{"conversations":[', 'must be valid JSON, got an unexpected end'],
    ['is another kind of row', '{"id": 1}', 'conversations must be a list of turns, got undefined; keys: id'],
    [
      'has a text that is reserved',
      JSON.stringify({ conversations: conversation('Q?', 'A.</s>') }),
      'turn 1: value must not contain "</s>", which separates turns',
    ],
  ])('that %s is an error that says what to do', async (_, text, got) => {
    const path = await writeBelow(folder, 'mix.jsonl', text);
    const place = { rowIndex: 1234, sourceIndex: 0, byteStart: 0, byteEnd: Buffer.byteLength(text), contentHash: null };
    await expect(open([path]).load([place])).rejects.toThrow(
      new InvalidDatasetError(
        `row 1,234: must be as the dataset stage saw it, got: ${got}; the file changed, run again`,
      ),
    );
  });

  test.each([
    ['text', 'mix.json', () => JSON.stringify([{ image: 'a.png', conversations: conversation('Q? <image>', 'B.') }])],
    ['picture', 'a.png', () => noisePng(8, 8, 2)],
  ])('whose %s was changed into another of the same size is an error', async (_, name, changedBytes) => {
    const rows = [{ image: 'a.png', conversations: conversation('Q? <image>', 'A.') }];
    await writeBelow(folder, 'a.png', await noisePng(8, 8, 1));
    const path = await writeBelow(folder, 'mix.json', JSON.stringify(rows));
    const [place] = await scanAll(datasetConfig([path]), encoder);
    const reader = open([path]);
    const [unchanged] = await reader.load([place!]);
    await reader.requireUnchanged(place!, unchanged!);
    expect(unchanged!.turns).toBeNull();
    await reader.close();
    await writeBelow(folder, name, await changedBytes());
    const later = open([path]);
    const [example] = await later.load([place!]);
    await expect(later.requireUnchanged(place!, example!)).rejects.toThrow(
      new InvalidDatasetError(
        'row 0: must be as the dataset stage saw it, got: other texts or pictures; the file changed, run again',
      ),
    );
  });

  test('of a source that became shorter is an error', async () => {
    const rows = [{ conversations: conversation('Q?', 'A.') }, { conversations: conversation('Q?', 'B.') }];
    const path = await writeBelow(folder, 'mix.json', JSON.stringify(rows));
    const [first, second] = await scanAll(datasetConfig([path]), encoder);
    await truncate(path, second!.byteStart + 5);
    const reader = open([path]);
    expect((await reader.load([first!]))[0]!.images).toEqual([]);
    await expect(reader.load([second!])).rejects.toThrow(InvalidDatasetError);
    await expect(reader.load([second!])).rejects.toThrow(
      /^row 1: must be as the dataset stage saw it, got: must be valid/,
    );
  });
});

describe('a picture', () => {
  test('lies below the folder of its own source, also where another folder lies within', async () => {
    const outer = join(folder, 'imgs');
    await writeBelow(folder, 'imgs/red.png', await noisePng(8, 8, 1));
    await mkdir(join(outer, 'b'));
    await symlink('../red.png', join(outer, 'b/link.png'));
    const row = { image: 'b/link.png', conversations: conversation('Q? <image>', 'A.') };
    const path = [
      await writeBelow(folder, 'one.json', JSON.stringify([row])),
      await writeBelow(folder, 'two.json', '[]'),
    ];
    const dataset = datasetConfig(path, { imageFolder: [outer, join(outer, 'b')] });
    const [place] = await scanAll(dataset, encoder);
    loader = new ExampleLoader(dataset, encoder, settings, 'crop', pictureChanger(`${GOLDEN}/model`));
    const [example] = await loader.load([place!]);
    expect(await loader.pixels(example!.images[0]!)).toHaveLength(3 * 56 * 56);
  });

  test.each(['pad', 'crop'] as const)('with %s is what preprocessing makes of its bytes', async (aspect) => {
    const bytes = await noisePng(90, 70, 3);
    const path = await writeBelow(folder, 'mix.json', '[]');
    await writeBelow(folder, 'deep/a.png', bytes);
    const wanted = await preprocessImage(bytes, settings, aspect);
    if ('reason' in wanted) throw new Error(wanted.detail);
    const pixels = await open([path], aspect).pixels(imageKey(folder, 'deep/a.png'));
    expect(pixels).toHaveLength(3 * 56 * 56);
    expect(pixels).toEqual(wanted.pixels);
  });

  test('that stands in its row is read from there', async () => {
    const bytes = await noisePng(20, 10, 5);
    const row = {
      image: `data:image/png;base64,${bytes.toString('base64')}`,
      conversations: conversation('<image>?', 'A.'),
    };
    const path = await writeBelow(folder, 'inline.jsonl', JSON.stringify(row));
    const [record] = await scanAll(datasetConfig([path]), encoder);
    const reader = open([path]);
    const [example] = await reader.load([record!]);
    expect(example!.images[0]!.length).toBeLessThan(path.length + 30);
    await reader.requireUnchanged(record!, example!);
    const wanted = await preprocessImage(bytes, settings, 'crop');
    expect({ pixels: await reader.pixels(example!.images[0]!) }).toEqual(wanted);
  });

  test('lies below image_folder where one is set', async () => {
    const dataset = datasetConfig([join(folder, 'mix.json')], { imageFolder: `${GOLDEN}/images` });
    loader = new ExampleLoader(dataset, encoder, settings, 'crop', pictureChanger(`${GOLDEN}/model`));
    const wanted = await preprocessImage(await readFile(`${GOLDEN}/images/cat.png`), settings, 'crop');
    expect({ pixels: await loader.pixels(imageKey(`${GOLDEN}/images`, 'cat.png')) }).toEqual(wanted);
  });

  test('of a changed copy is what preprocessing makes of the changed pixels, and its row is told from its parent', async () => {
    const bytes = await noisePng(60, 40, 3);
    const path = await writeBelow(
      folder,
      'mix.jsonl',
      JSON.stringify({ image: 'a.png', conversations: conversation('<image>?', 'A.') }),
    );
    await writeBelow(folder, 'a.png', bytes);
    const [record] = await scanAll(datasetConfig([path]), encoder);
    const reader = open([path]);
    const border = { operation: 'border', parameter: 0.05 } as const;
    const [parent, copy] = await reader.load([record!, { ...record!, change: border }]);
    expect(copy!.prompt).toEqual(parent!.prompt);
    expect(copy!.images[0]).not.toBe(parent!.images[0]);
    // The mean of CLIP's processor.
    const wanted = await preprocessImage(bytes, settings, 'crop', (picture) =>
      changePicture(picture, border, [122, 116, 104]),
    );
    expect({ pixels: await reader.pixels(copy!.images[0]!) }).toEqual(wanted);
    expect({ pixels: await reader.pixels(parent!.images[0]!) }).toEqual(await preprocessImage(bytes, settings, 'crop'));
    await reader.requireUnchanged({ ...record!, change: border }, copy!);
    await writeBelow(folder, 'a.png', await noisePng(60, 40, 4));
    const fresh = open([path]);
    const [stale] = await fresh.load([{ ...record!, change: border }]);
    await expect(fresh.requireUnchanged(record!, stale!)).rejects.toThrow('other texts or pictures');
    await reader.close();
  });

  test('that is gone, or no picture any more, is an error that names its file', async () => {
    const path = await writeBelow(folder, 'mix.json', '[]');
    const reader = open([path]);
    const error = (got: string): Error =>
      new InvalidDatasetError(`${join(folder, 'a.png')}: must be as the dataset stage saw it, got: ${got}; run again`);
    await expect(reader.pixels(imageKey(folder, 'a.png'))).rejects.toThrow(error('image must exist, got a.png'));
    await writeFile(join(folder, 'a.png'), '<html></html>');
    await expect(reader.pixels(imageKey(folder, 'a.png'))).rejects.toThrow(
      error('image must be a picture, got an HTML page; the link is probably dead'),
    );
  });
});
