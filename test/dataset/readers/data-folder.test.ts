import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readRowForm } from '../../../dataset/forms/dataset-info.ts';
import { findDataFiles } from '../../../client/recipe/data-files.ts';
import { readDataFolder } from '../../../dataset/readers/data-folder.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'tive-folder-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Record<string, unknown>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
}

const below = (...names: string[]): string[] => names.map((name) => join(folder, name));

test('a folder is its files of rows, whatever the case of their ends, and every other entry is named', () => {
  write({ 'b.jsonl': '', 'a.JSON': '', 'c.jsonl.gz': '', 'd.ndjson': '', 'more/e.jsonl': '', 'images/1.png': '' });
  write({ 'notes.txt': '', '1.png': '', '2.jpg': '', '.hidden': '', 'quarantine.jsonl': '', 'empty/x/y': '' });
  expect(readDataFolder(folder)).toEqual({
    files: below('a.JSON', 'b.jsonl', 'c.jsonl.gz', 'd.ndjson'),
    skipped: ['empty/ (1 entry)', 'images/ (1 entry)', 'more/ (1 file of rows)', 'notes.txt', '2 pictures'],
  });
});

test('a folder with LLaMA-Factory’s description, in it or above, is the files that it lists', async () => {
  write({ 'dataset_info.json': { mine: { file_name: 'mix.json', formatting: 'sharegpt' } } });
  write({ 'mix.json': '[]', 'alpaca.json': '[]' });
  expect(readDataFolder(folder)).toEqual({ files: below('mix.json'), skipped: ['alpaca.json'] });
  write({ 'dataset_info.json': { mine: { file_name: 'sub/in.json', formatting: 'sharegpt' } } });
  write({ 'sub/in.json': '[]', 'sub/out.json': '[]' });
  expect(readDataFolder(join(folder, 'sub'))).toEqual({ files: below('sub/in.json'), skipped: ['out.json'] });
  expect(await readRowForm(join(folder, 'sub/in.json'))).toMatchObject({ turns: 'conversations' });
  expect(await readRowForm(join(folder, 'sub/out.json'))).toBeNull();
});

test('a description that lists none of the files leaves them all', () => {
  write({ 'dataset_info.json': { other: { file_name: 'x.json' }, features: {} }, 'a.json': '[]' });
  expect(readDataFolder(folder)).toEqual({ files: below('a.json'), skipped: [] });
});

test('a folder below is named with all files of rows in it, of a saved dataset its Arrow files', () => {
  write({ 'deep/er/a.json': '[]', 'deep/b.parquet': '', 'deep/er/still/c.tar': '', 'a.json': '[]' });
  write({ 'train/state.json': { _data_files: [{ filename: 'data-0.arrow' }] }, 'train/data-0.arrow': '' });
  expect(readDataFolder(folder).skipped).toEqual(['deep/ (3 files of rows)', 'train/ (1 file of rows)']);
});

test('splits of a saved dataset are asked for by name', () => {
  write({ 'dataset_dict.json': { splits: ['train'] }, 'train/state.json': { _data_files: [{ filename: 'd.arrow' }] } });
  expect(() => findDataFiles(folder, 'dataset.path')).toThrow(
    `got train/ (1 file of rows) in "${folder}"; name a folder in path to read its rows`,
  );
});

test('a folder of save_to_disk is the Arrow files of its state', () => {
  write({ 'state.json': { _data_files: [{ filename: 'data-1.arrow' }, { filename: 'data-0.arrow' }] } });
  write({ 'dataset_info.json': { features: {} }, 'data-0.arrow': '', 'data-1.arrow': '', 'cache-1.arrow': '' });
  expect(readDataFolder(folder)).toEqual({ files: below('data-1.arrow', 'data-0.arrow'), skipped: ['cache-1.arrow'] });
});
