import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createProcessorEncoder } from '../../../dataset/prompts/processor-encoder.ts';
import { WrittenRowLoader } from '../../../dataset/rows/load-written.ts';
import { scanAll, conversation, datasetConfig, goldenEncoder, noisePng, writeBelow } from '../small-folder.ts';

const encoder = createProcessorEncoder({
  template: 'vicuna_v1',
  texts: { chatTemplate: null, eosToken: '</s>', namedTokens: {}, reservedTexts: ['</s>'], imageToken: '<pic>' },
  process: () => Promise.resolve([]),
});

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
  const loader = new WrittenRowLoader(dataset, encoder);
  const { pieces, pictures } = await loader.load(place!);
  await loader.close();
  expect(pieces.filter(({ supervised }) => supervised)).toEqual([{ text: ' A.</s>', supervised: true }]);
  expect(pieces[0]!.text).toContain('<pic>');
  expect(pictures).toEqual([{ width: 5, height: 3, data: expect.any(Uint8Array) as Uint8Array }]);
  expect(pictures[0]!.data).toHaveLength(5 * 3 * 3);
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
  const loader = new WrittenRowLoader(dataset, encoder);
  await expect(loader.load(place!)).rejects.toThrow('row 0: must be as the dataset stage saw it');
  await loader.close();
});
