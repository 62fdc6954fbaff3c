import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { writeSmallDataset } from '../small-dataset.ts';
import { tive } from '../in-process.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-data-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('data inspect', () => {
  test('tells what is in files, without a recipe', async () => {
    writeSmallDataset(root);
    const { stdout, exitCode } = await tive(root, 'data', 'inspect', 'train.json', '--images', 'images');
    expect(exitCode).toBe(0);
    expect(stdout.split('\n').map((line) => line.trimEnd())).toEqual([
      expect.stringMatching(/^rows {10}59 in 0\.0 MB$/),
      'form          llava 59',
      expect.stringMatching(/^keys {10}conversations 59, dataset 59, id 59, image 46, rating 2\d$/),
      'labels        name 25, tell 21, sum 13',
      'by llava-1.5  other 45, sharegpt 12',
      expect.stringMatching(/^by prefix {5}/),
      'by single     all 57',
      'turns         median 2, 95 % up to 2, at most 2',
      expect.stringMatching(/^answers {7}median \d+, 95 % up to \d+, at most \d+ characters$/),
      expect.stringMatching(
        /^pictures {6}45 rows with pictures, 12 different, 1 not below images, for instance no-such\.png$/,
      ),
      'set aside     2 rows: answer_empty 1, answer_missing 1',
      '              row 31 answer_empty: turn 1: answer must not be empty, got ""',
      expect.stringMatching(/^ {14}row 58 answer_missing: /),
      '',
    ]);
  });

  test('looks for the files of videos and sounds, frames one by one', async () => {
    const folder = join(root, 'clips');
    mkdirSync(folder);
    const row = (value: string, clips: object): object => ({
      conversations: [
        { from: 'human', value },
        { from: 'gpt', value: 'Yes.' },
      ],
      ...clips,
    });
    const rows = [
      row('<video>Is it?', { videos: [['1.png', '2.png']] }),
      row('<video>Is it?', { videos: [['1.png', 'gone.png']] }),
      row('<audio>Is it?', { audios: ['a.wav'] }),
      row('<audio>Is it?', { audios: ['../b.wav'] }),
      row('Is it?', {}),
    ];
    writeFileSync(join(folder, 'a.jsonl'), rows.map((one) => JSON.stringify(one)).join('\n'));
    for (const file of ['1.png', '2.png', 'a.wav', '../b.wav']) writeFileSync(join(folder, file), '');
    const found = JSON.parse((await tive(folder, 'data', 'inspect', 'a.jsonl', '--json')).stdout) as object;
    expect(found).toMatchObject({
      imageCount: 0,
      clipRowCount: 4,
      clipFileCount: 5,
      missingClipFileCount: 2,
      missingClipFiles: ['gone.png', '../b.wav'],
    });
    const { stdout } = await tive(folder, 'data', 'inspect', 'a.jsonl');
    expect(stdout).toMatch(
      /^clips +4 rows with videos or sounds, 5 different files, 2 not below the folder of the rows, for instance gone\.png, \.\.\/b\.wav$/m,
    );
  });

  test('gives JSON, and shows what could command a terminal as text', async () => {
    const folder = join(root, 'odd');
    mkdirSync(folder);
    const turns = [
      { from: '\u001b[2J', value: 'a' },
      { from: 'gpt', value: 'b' },
    ];
    const rows = [
      {
        messages: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
        ],
      },
      { conversations: [{ from: 'human', value: 'a' }, ...turns] },
      17,
    ];
    writeFileSync(join(folder, 'a.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
    const found = JSON.parse((await tive(folder, 'data', 'inspect', 'a.jsonl', '--json')).stdout) as object;
    expect(found).toMatchObject({
      rowCount: 3,
      forms: { messages: 1, llava: 1 },
      reasons: { role_unknown: 1, not_an_object: 1 },
      imageCount: 0,
    });
    const { stdout } = await tive(folder, 'data', 'inspect', 'a.jsonl');
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toContain('\\u001b[2J');
  });

  test('refuses what is no file', async () => {
    const { stderr, exitCode } = await tive(root, 'data', 'inspect', 'none.json');
    expect([exitCode, stderr]).toEqual([2, 'data inspect: file must exist, got "none.json"\n']);
  });
});

test('data label prints found beside published counts', async () => {
  copyFileSync(join(root, 'train.json'), join(root, 'unlabelled.json'));
  const text = readFileSync(join(root, 'train.json'), 'utf8').replaceAll('"dataset"', '"was"');
  writeFileSync(join(root, 'unlabelled.json'), text);
  const { stdout, exitCode } = await tive(root, 'data', 'label', 'unlabelled.json', '-o', 'labelled.json');
  expect(exitCode).toBe(0);
  expect(stdout).toBe(
    'other           45\nsharegpt        12   published    40,688\n59 rows, 57 labelled now, 2 without a label\n',
  );
  expect(existsSync(join(root, 'labelled.json'))).toBe(true);
  const again = await tive(root, 'data', 'inspect', 'labelled.json', '--images', 'images');
  expect(again.stdout).toContain('labels        other 45, sharegpt 12\n');
});
