import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  findOutput,
  finishOutput,
  makeOutput,
  outputPlace,
  writeFile,
} from '../../../activities/shared/stage-output.ts';
import type { OutputPlace } from '../../../activities/shared/stage-output.ts';
import { readManifest } from '../../../store/artifacts.ts';
import { LocalStore } from '../../../store/local-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-output-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const store = new LocalStore(folder);

interface Details {
  answer: number;
}

/** A stage that writes two files, and counts how often it works. */
function stage(place: OutputPlace) {
  const work = { count: 0 };
  const make = async () => {
    work.count += 1;
    const files = [
      await writeFile(store, place, 'a.txt', 'one'),
      await writeFile(store, place, 'b.bin', Buffer.of(1, 2)),
    ];
    return { files: [files[0]!, { ...files[1]!, rowCount: 7 }], details: { answer: 42 } };
  };
  return { work, make };
}

test('an output lies where all that determines it says, in whatever order it is said', () => {
  const place = outputPlace('values', { lambda: 1, rows: 'a' });
  expect(place.folder).toBe(`artifacts/values/${place.address}`);
  expect(outputPlace('values', { rows: 'a', lambda: 1 }).address).toBe(place.address);
  expect(outputPlace('values', { rows: 'b', lambda: 1 }).address).not.toBe(place.address);
  expect(outputPlace('selection', { rows: 'a', lambda: 1 }).address).not.toBe(place.address);
});

test('an output that is not there is made, and comes back from then on without work', async () => {
  const place = outputPlace('values', { name: 'made' });
  const { work, make } = stage(place);
  expect(await findOutput(store, place)).toBeNull();
  const made = await makeOutput<Details>(store, place, make);
  expect(made).toMatchObject({ details: { answer: 42 }, cached: false });
  expect(made.reference).toMatchObject({ uri: place.folder, rowCount: 7 });
  expect(await makeOutput<Details>(store, place, make)).toEqual({ ...made, cached: true });
  expect(await findOutput<Details>(store, place)).toEqual({ ...made, cached: true });
  expect(work.count).toBe(1);
});

test('its manifest names its determinants and its files with their hashes', async () => {
  const place = outputPlace('values', { name: 'manifest' });
  const { reference } = await makeOutput<Details>(store, place, stage(place).make);
  const { determinants, files } = await readManifest(store, reference);
  expect(determinants).toEqual({ name: 'manifest' });
  expect(files.map(({ name, byteCount, rowCount }) => [name, byteCount, rowCount])).toEqual([
    ['a.txt', 3, 0],
    ['b.bin', 2, 7],
  ]);
});

test('work that fails leaves nothing complete, and is done anew', async () => {
  const place = outputPlace('values', { name: 'failed' });
  const { work, make } = stage(place);
  const failing = makeOutput<Details>(store, place, async () => {
    await make();
    throw new Error('out of memory');
  });
  await expect(failing).rejects.toThrow('out of memory');
  expect(await findOutput(store, place)).toBeNull();
  expect(await store.list(place.folder)).not.toContain(`${place.folder}/artifact.json`);
  expect((await makeOutput<Details>(store, place, make)).cached).toBe(false);
  expect(work.count).toBe(2);
});

test('outputs of equal content are the same input to what follows, wherever they come from', async () => {
  const [one, other] = [outputPlace('values', { name: 'one' }), outputPlace('values', { name: 'other' })];
  const made = await makeOutput<Details>(store, one, stage(one).make);
  const again = await finishOutput<Details>(store, other, await stage(other).make());
  expect(again.reference.uri).not.toBe(made.reference.uri);
  expect(again.reference.sha256).toBe(made.reference.sha256);
});

test.each([
  ['text', 'ä'],
  ['bytes', Buffer.from('ä')],
  ['pieces', [Buffer.of(0xc3), Buffer.of(0xa4)]],
])('a file is written from %s', async (_, content) => {
  const place = outputPlace('values', { name: 'file' });
  const file = await writeFile(store, place, 'name.txt', content);
  expect(file).toMatchObject({ name: 'name.txt', byteCount: 2, rowCount: 0 });
  expect(Buffer.from(await store.read(`${place.folder}/name.txt`)).toString()).toBe('ä');
});
