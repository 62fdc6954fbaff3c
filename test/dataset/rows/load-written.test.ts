import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FrameClip } from '../../../contracts/clips.ts';
import { changePicture, pictureChanger } from '../../../dataset/images/change-picture.ts';
import { createProcessorEncoder } from '../../../dataset/prompts/processor-encoder.ts';
import type { ProcessorTexts, SizedText } from '../../../dataset/prompts/processor-encoder.ts';
import { WrittenRowLoader } from '../../../dataset/rows/load-written.ts';
import { scanAll, conversation, datasetConfig, goldenEncoder, noisePng, writeBelow } from '../small-folder.ts';

const TEXTS: ProcessorTexts = {
  chatTemplate: null,
  eosToken: '</s>',
  namedTokens: {},
  reservedTexts: ['</s>'],
  imageToken: '<pic>',
  videoToken: '<film>',
  audioToken: '<sound>',
};

const encoder = createProcessorEncoder({
  template: 'vicuna_v1',
  texts: TEXTS,
  process: () => Promise.resolve([]),
});

const change = pictureChanger('test/golden/tiny-llava/model');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tive-written-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('a row is its text, its answer marked, and its pictures decoded', async () => {
  await writeBelow(folder, 'a.png', await noisePng(5, 3, 1));
  const row = { image: 'a.png', conversations: conversation('<image>What?', 'A.') };
  const dataset = datasetConfig([await writeBelow(folder, 'mix.json', JSON.stringify([row]))]);
  const [place] = await scanAll(dataset, await goldenEncoder());
  const loader = new WrittenRowLoader(dataset, encoder, change);
  const [{ pieces, pictures } = expect.fail()] = await loader.load([place!]);
  await loader.close();
  expect(pieces.filter(({ supervised }) => supervised)).toEqual([{ text: ' A.</s>', supervised: true }]);
  expect(pieces[0]!.text).toContain('<pic>');
  expect(pictures).toEqual([{ width: 5, height: 3, data: expect.any(Uint8Array) as Uint8Array }]);
  expect(pictures[0]!.data).toHaveLength(5 * 3 * 3);
});

test('a changed copy has the text of its row, and each of its pictures changed', async () => {
  await writeBelow(folder, 'a.png', await noisePng(40, 30, 1));
  await writeBelow(folder, 'b.png', await noisePng(20, 30, 2));
  const row = { images: ['a.png', 'b.png'], conversations: conversation('<image><image>What?', 'A.') };
  const dataset = datasetConfig([await writeBelow(folder, 'mix.json', JSON.stringify([row]))], { maxImages: 2 });
  const [place] = await scanAll(dataset, await goldenEncoder());
  const loader = new WrittenRowLoader(dataset, encoder, change);
  const crop = { operation: 'crop', parameter: 0.95 } as const;
  const [parent = expect.fail(), copy = expect.fail()] = await loader.load([place!, { ...place!, change: crop }]);
  await loader.close();
  expect(copy.pieces).toEqual(parent.pieces);
  expect(copy.pictures).toEqual(parent.pictures.map((picture) => changePicture(picture, crop, [0, 0, 0])));
  expect(copy.pictures[0]!.data).not.toEqual(parent.pictures[0]!.data);
});

test.each([
  ['text', 'mix.json', () => JSON.stringify([{ image: 'a.png', conversations: conversation('<image>What?', 'B.') }])],
  ['picture', 'a.png', () => noisePng(5, 3, 2)],
])('a row whose %s was changed is an error', async (_, name, changed) => {
  await writeBelow(folder, 'a.png', await noisePng(5, 3, 1));
  const row = { image: 'a.png', conversations: conversation('<image>What?', 'A.') };
  const dataset = datasetConfig([await writeBelow(folder, 'mix.json', JSON.stringify([row]))]);
  const [place] = await scanAll(dataset, await goldenEncoder());
  await writeBelow(folder, name, await changed());
  const loader = new WrittenRowLoader(dataset, encoder, change);
  await expect(loader.load([place!])).rejects.toThrow('row 0: must be as the dataset stage saw it');
  await loader.close();
});

describe('a row with clips', () => {
  const video = { videos: [['1.png', '2.png']], conversations: conversation('<video>What?', 'A.') };
  const sound = { audio: 'a.wav', conversations: conversation('<audio>What?', 'B.') };

  async function dataset(...rows: object[]): Promise<ReturnType<typeof datasetConfig>> {
    await writeBelow(folder, '1.png', await noisePng(5, 3, 1));
    await writeBelow(folder, '2.png', await noisePng(5, 3, 2));
    await writeBelow(folder, '3.png', await noisePng(4, 3, 3));
    await writeBelow(folder, 'a.wav', 'RIFF and so on');
    return datasetConfig([await writeBelow(folder, 'mix.json', JSON.stringify(rows))]);
  }

  /** One token a row; what was asked of the model's processor is kept. */
  const asked: SizedText[] = [];
  const listening = createProcessorEncoder({
    template: 'vicuna_v1',
    texts: TEXTS,
    process: async (rows) => {
      asked.push(...rows);
      const one = Int32Array.of(1);
      return rows.map(() => ({ ids: one, labels: one, imageTokenCount: 0, supervisedTokenCount: 1, truncated: false }));
    },
  });

  test('is its text with the model’s own tokens, frames one behind the other, and files as they are', async () => {
    const given = await dataset(video, sound);
    asked.length = 0;
    const places = await scanAll(given, listening);
    expect(places.map(({ rejection }) => rejection)).toEqual([null, null]);
    const frames = { kind: 'video', frameCount: 2, height: 3, width: 5 };
    const file = Buffer.from('RIFF and so on');
    expect(asked.map(({ clips }) => clips)).toEqual([[frames], [{ kind: 'audio', file }]]);
    const loader = new WrittenRowLoader(given, encoder, change);
    const [seen = expect.fail(), heard = expect.fail()] = await loader.load(places);
    await loader.close();
    expect(seen.pieces[0]!.text).toContain('<film>What?');
    expect(seen.clips).toMatchObject([frames]);
    expect((seen.clips[0] as FrameClip).data).toHaveLength(2 * 3 * 5 * 3);
    expect(heard.pieces[0]!.text).toContain('<sound>What?');
    expect(heard.clips).toEqual([{ kind: 'audio', file }]);
  });

  test('whose sound is another by now is an error', async () => {
    const given = await dataset(sound);
    const [place] = await scanAll(given, listening);
    await writeBelow(folder, 'a.wav', 'RIFF and so  .');
    const loader = new WrittenRowLoader(given, encoder, change);
    await expect(loader.load([place!])).rejects.toThrow('other texts, videos or sounds; the file changed');
    await loader.close();
  });

  test.each<[object, string, string]>([
    [{ ...sound, audio: 'none.wav' }, 'media_missing', 'audio must exist, got none.wav'],
    [{ ...sound, audio: '../a.wav' }, 'media_missing', 'audio must lie below image_folder, got "../a.wav"'],
    [{ ...video, videos: [['1.png', '4.png']] }, 'media_missing', 'frame must exist, got 4.png'],
    [
      { ...video, videos: [['1.png', '3.png']] },
      'media_corrupt',
      'frames must have one size, got 5 × 3 and 4 × 3 (frame 2)',
    ],
    [
      { ...video, videos: [['1.png', 'a.wav']] },
      'media_corrupt',
      'frame 2: image must be JPEG, PNG, GIF, WebP, TIFF or AVIF, got',
    ],
  ])('%j is set aside as %s', async (row, reason, detail) => {
    const [record] = await scanAll(await dataset(row), listening);
    expect(record!.rejection?.reason).toBe(reason);
    expect(record!.rejection?.detail).toContain(detail);
  });

  test('is set aside where the engine, or the model, does not take it', async () => {
    const [record] = await scanAll(await dataset(sound), await goldenEncoder());
    expect(record!.rejection).toEqual({
      reason: 'media_unsupported',
      detail: 'a row must have pictures for this engine, got audio; the torch engine reads it where the model does',
    });
    const deaf = createProcessorEncoder({
      template: 'vicuna_v1',
      texts: { ...TEXTS, audioToken: null },
      process: () => Promise.resolve([]),
    });
    const [other] = await scanAll(await dataset(sound), deaf);
    expect(other!.rejection).toEqual({
      reason: 'media_unsupported',
      detail: 'the model must take audio, got one that does not',
    });
  });
});
