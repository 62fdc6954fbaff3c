import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RowReader } from '../../../dataset/rows/row-reader.ts';
import { asSource } from '../../../dataset/rows/row-source.ts';
import { conversation, datasetConfig, goldenEncoder, scanAll, writeBelow } from '../small-folder.ts';

const DESCRIPTION = {
  mine: { file_name: 'named.jsonl', formatting: 'sharegpt', columns: { messages: 'talk' } },
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tive-reader-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('a row has the bytes of its place and what they say in the form of its own file, in any order', async () => {
  await writeBelow(folder, 'dataset_info.json', JSON.stringify(DESCRIPTION));
  const named = { talk: conversation('Q?', 'Ä named one.') };
  const plain = [{ conversations: conversation('Q?', 'One.') }, { conversations: conversation('Q?', 'Two.') }];
  const paths = [
    await writeBelow(folder, 'named.jsonl', JSON.stringify(named)),
    await writeBelow(folder, 'plain.json', JSON.stringify(plain, null, 2)),
  ];
  const sources = await Promise.all(paths.map((path) => asSource(path, folder)));
  expect(sources.map(({ form }) => form)).toMatchObject([{ turns: 'talk' }, null]);
  const dataset = { ...datasetConfig(paths), sources };
  const places = await scanAll(dataset, await goldenEncoder());
  const reader = RowReader.over(dataset);
  for (const index of [2, 0, 1, 2]) {
    const { bytes, row, source } = await reader.at(places[index]!);
    expect(JSON.parse(Buffer.from(bytes).toString())).toEqual([named, ...plain][index]);
    expect(row).toMatchObject({ turns: [{}, { value: ['Ä named one.', 'One.', 'Two.'][index] }] });
    expect(source.path).toBe(paths[index === 0 ? 0 : 1]);
  }
  await reader.close();
});

test('a row that the end of the file has cut has the bytes that are left, and a reason', async () => {
  const path = await writeBelow(folder, 'rows.json', JSON.stringify([{ conversations: conversation('Q?', 'A.') }]));
  const [place] = await scanAll(datasetConfig([path]), await goldenEncoder());
  await truncate(path, place!.byteStart + 5);
  const reader = RowReader.over(datasetConfig([path]));
  const { bytes, row } = await reader.at(place!);
  expect(bytes).toHaveLength(5);
  expect(row).toMatchObject({ reason: 'json_syntax' });
  await reader.close();
});

test('a file is brought for the first of its rows and once, and one that is missing costs no other', async () => {
  const path = await writeBelow(folder, 'rows.jsonl', '{"id": 1}\n{"id": 2}');
  const brought: number[] = [];
  const reader = new RowReader(datasetConfig([]), (index) => {
    brought.push(index);
    return asSource(index === 0 ? path : join(folder, 'gone.jsonl'), folder);
  });
  expect(brought).toEqual([]);
  const at = (sourceIndex: number, byteStart: number) => reader.at({ sourceIndex, byteStart, byteEnd: byteStart + 9 });
  const rows = await Promise.all([at(0, 0), at(0, 10)]);
  expect(rows.map(({ row }) => row.id)).toEqual(['1', '2']);
  expect(brought).toEqual([0]);
  await expect(at(1, 0)).rejects.toThrow(/ENOENT/);
  await expect(at(0, 0)).resolves.toMatchObject({ row: { id: '1' } });
  await reader.close();
});
