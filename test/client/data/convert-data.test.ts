import { mkdir } from 'node:fs/promises';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { convertData } from '../../../client/data/convert-data.ts';
import { withPictures } from '../../../client/export/export-rows.ts';
import { inspectData } from '../../../client/data/inspect-data.ts';
import { LocalStore } from '../../../store/local-store.ts';

const FORMS = 'examples/forms';
const root = mkdtempSync(join(tmpdir(), 'tive-convert-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(root, 'out-'))));

const packed = ['name', 'sum', 'tell'].map((task) => `${FORMS}/parquet/${task}.parquet`);
const shards = [0, 1, 2].map((shard) => `${FORMS}/webdataset/shapes-00${shard}.tar`);

describe('rows of any form', () => {
  test.each<[string, string[], string]>([
    ['LLaVA', [`${FORMS}/llava/rows.json`], 'dataset'],
    ['JSON lines', [`${FORMS}/jsonl/rows.jsonl`], 'dataset'],
    ['a described form', [`${FORMS}/sharegpt/rows.json`], 'task'],
    ['messages', [`${FORMS}/messages/rows.jsonl`], 'task'],
    ['Parquet', packed, 'dataset'],
    ['WebDataset', shards, 'dataset'],
  ])('of %s become LLaVA’s array, lines and LLaMA-Factory’s', async (_, files, taskField) => {
    for (const [form, name] of [
      ['llava', 'rows.json'],
      ['jsonl', 'rows.jsonl'],
      ['sharegpt', 'data.json'],
    ] as const) {
      const output = join(folder, form, name);
      expect(await convertData(files, output, form, taskField)).toEqual({ rowCount: 26, setAside: null });
      const found = await inspectData(
        [output],
        files === packed || files === shards ? null : `${FORMS}/images`,
        taskField,
      );
      const given = await inspectData(files, `${FORMS}/images`, taskField);
      expect(found).toMatchObject({
        rowCount: 26,
        labels: given.labels,
        answerLength: given.answerLength,
        imageRowCount: 18,
        reasons: {},
      });
      expect(found.missingImageCount).toBe(given.missingImageCount);
    }
  });

  test('that are LLaVA’s already keep their bytes', async () => {
    const row =
      '{"id" : 1.50, "x": "\\u0041",  "conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]}';
    writeFileSync(join(folder, 'in.jsonl'), `${row}\n`);
    await convertData([join(folder, 'in.jsonl')], join(folder, 'out.json'), 'llava', 'dataset');
    expect(readFileSync(join(folder, 'out.json'), 'utf8')).toBe(`[\n${row}\n]\n`);
  });

  test('keep their other keys, and those that cannot be used lie beside with their reason', async () => {
    const messages = [{ role: 'user', content: 'Q' }, { role: 'assistant', content: 'A' }]; // oxfmt-ignore
    const rows = [
      { weight: 2, note: { a: [1] }, messages },
      { weight: 3, messages: [] },
    ];
    writeFileSync(join(folder, 'in.json'), JSON.stringify(rows));
    const converted = await convertData([join(folder, 'in.json')], join(folder, 'out.json'), 'llava', 'dataset');
    expect(converted).toEqual({ rowCount: 1, setAside: { count: 1, path: join(folder, 'out.json.quarantine.jsonl') } });
    expect(JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8'))).toEqual([
      { weight: 2, note: { a: [1] }, conversations: [{ from: 'human', value: 'Q' }, { from: 'gpt', value: 'A' }] }, // oxfmt-ignore
    ]);
    expect(JSON.parse(readFileSync(converted.setAside!.path, 'utf8'))).toMatchObject({
      file: 'in.json',
      reason: 'conversations_empty',
      row: JSON.stringify(rows[1]),
    });
  });

  test('keep numbers that JavaScript would round', async () => {
    const row =
      '{"id": 9007199254740993, "w": 1.0, "messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}';
    writeFileSync(join(folder, 'in.jsonl'), row);
    await convertData([join(folder, 'in.jsonl')], join(folder, 'out.jsonl'), 'jsonl', 'dataset');
    expect(readFileSync(join(folder, 'out.jsonl'), 'utf8')).toMatch(
      /^\{"id":9007199254740993,"w":1\.0,"conversations":/,
    );
  });

  test('of two files into one folder keep their pictures apart, and texts that look like pictures', async () => {
    for (const [index, shard] of shards.slice(0, 2).entries())
      await convertData([shard], join(folder, `${index}.json`), 'llava', 'dataset');
    const first = join(folder, '0.json.images/0/00000/000000000-0.png');
    const second = join(folder, '1.json.images/0/00000/000000000-0.png');
    expect(readFileSync(first).equals(readFileSync(second))).toBe(false);
    const answer = '00099/000000099-0.png';
    const row = { image: answer, conversations: [{ from: 'human', value: '<image>\nQ' }, { from: 'gpt', value: answer }] }; // oxfmt-ignore
    const packedRow = { images: ['00000/000000000-0.png'], clips: [], packed: folder, path: answer };
    await mkdir(join(folder, '00000'));
    writeFileSync(join(folder, '00000/000000000-0.png'), 'picture');
    const text = JSON.stringify({ ...row, image: packedRow.images[0] });
    const source = { path: '', origin: '', imageFolder: folder, packed: folder };
    const written = await withPictures(Buffer.from(text), packedRow, source, 'to', new LocalStore(folder));
    expect(JSON.parse(Buffer.from(written).toString())).toEqual({ ...row, image: 'to/00000/000000000-0.png' });
    expect(readFileSync(join(folder, 'to/00000/000000000-0.png'), 'utf8')).toBe('picture');
    const gone = withPictures(Buffer.from(text), { images: [answer], clips: [] }, source, 'to', new LocalStore(folder));
    await expect(gone).rejects.toThrow('ENOENT');
  });

  test('for LLaMA-Factory add to the folder’s description, and take no name that it has', async () => {
    writeFileSync(join(folder, 'dataset_info.json'), '{"other": {"file_name": "other.json"}}');
    await convertData([`${FORMS}/llava/rows.json`], join(folder, 'mine.json'), 'sharegpt', 'dataset');
    const info = JSON.parse(readFileSync(join(folder, 'dataset_info.json'), 'utf8')) as object;
    expect(info).toMatchObject({ other: { file_name: 'other.json' }, mine: { file_name: 'mine.json' } });
    const again = convertData([`${FORMS}/llava/rows.json`], join(folder, 'mine.jsonl'), 'sharegpt', 'dataset');
    await expect(again).rejects.toThrow('must not know "mine" yet');
  });

  test('are not written over another file', async () => {
    writeFileSync(join(folder, 'out.json'), '');
    const convert = convertData([`${FORMS}/llava/rows.json`], join(folder, 'out.json'), 'llava', 'dataset');
    await expect(convert).rejects.toThrow('output must be a new file');
    expect(readdirSync(folder)).toEqual(['out.json']);
  });
});
