import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Binary, Field, Int64, List, Struct, Table, tableToIPC, Utf8, vectorFromArray } from 'apache-arrow';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packedRows } from '../../../dataset/readers/reader-of.ts';

const GOLDEN = 'test/golden/tiny-llava';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tive-arrow-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const TURN = new Struct([new Field('from', new Utf8(), true), new Field('value', new Utf8(), true)]);
const PICTURE = new Struct([new Field('bytes', new Binary(), true), new Field('path', new Utf8(), true)]);

async function unpack(bytes: Uint8Array): Promise<{ rows: string[]; pictures: Map<string, Uint8Array> }> {
  const path = join(folder, 'data-00000-of-00001.arrow');
  await writeFile(path, bytes);
  const pictures = new Map<string, Uint8Array>();
  const rows: string[] = [];
  const found = await packedRows(path, (name, picture) => {
    pictures.set(name, picture as Uint8Array);
    return Promise.resolve();
  });
  for await (const row of found!) rows.push(Buffer.from(row).toString());
  return { rows, pictures };
}

async function stream(): Promise<Uint8Array> {
  const picture = new Uint8Array(await readFile(`${GOLDEN}/images/cat.png`));
  const talk = [{ from: 'human', value: '<image>Ä?' }, { from: 'gpt', value: 'A.' }]; // oxfmt-ignore
  const table = new Table({
    id: vectorFromArray([1n, 1152921504606846976n], new Int64()),
    image: vectorFromArray([{ bytes: picture, path: null }, null], PICTURE),
    conversations: vectorFromArray([talk, talk.slice(0, 1)], new List(new Field('item', TURN, true))),
  });
  return tableToIPC(table, 'stream');
}

test('an Arrow stream’s rows are what they are in Parquet: pictures are files, whole numbers exact', async () => {
  const { rows, pictures } = await unpack(await stream());
  expect(rows).toEqual([
    '{"id":1,"image":"00000/000000000-0.png","conversations":[{"from":"human","value":"<image>Ä?"},{"from":"gpt","value":"A."}]}',
    '{"id":1152921504606846976,"image":null,"conversations":[{"from":"human","value":"<image>Ä?"}]}',
  ]);
  expect(Buffer.from(pictures.get('00000/000000000-0.png')!)).toEqual(await readFile(`${GOLDEN}/images/cat.png`));
});

test('one that is cut short is refused by name', async () => {
  const whole = await stream();
  await expect(unpack(whole.subarray(0, whole.length - 400))).rejects.toThrow(
    /^data-00000-of-00001\.arrow: must be a whole Arrow stream, got .*; write it again$/,
  );
});
