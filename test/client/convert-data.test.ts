import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { convertData } from '../../client/convert-data.ts';
import { inspectData } from '../../client/inspect-data.ts';

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
    const messages = [{ role: 'user', content: 'Q' }, { role: 'assistant', content: 'A' }]; // prettier-ignore
    const rows = [
      { weight: 2, note: { a: [1] }, messages },
      { weight: 3, messages: [] },
    ];
    writeFileSync(join(folder, 'in.json'), JSON.stringify(rows));
    const converted = await convertData([join(folder, 'in.json')], join(folder, 'out.json'), 'llava', 'dataset');
    expect(converted).toEqual({ rowCount: 1, setAside: { count: 1, path: join(folder, 'out.json.quarantine.jsonl') } });
    expect(JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8'))).toEqual([
      { weight: 2, note: { a: [1] }, conversations: [{ from: 'human', value: 'Q' }, { from: 'gpt', value: 'A' }] }, // prettier-ignore
    ]);
    expect(JSON.parse(readFileSync(converted.setAside!.path, 'utf8'))).toMatchObject({
      file: 'in.json',
      reason: 'conversations_empty',
      row: JSON.stringify(rows[1]),
    });
  });

  test('are not written over another file', async () => {
    writeFileSync(join(folder, 'out.json'), '');
    const convert = convertData([`${FORMS}/llava/rows.json`], join(folder, 'out.json'), 'llava', 'dataset');
    await expect(convert).rejects.toThrow('output must be a new file');
    expect(readdirSync(folder)).toEqual(['out.json']);
  });
});
