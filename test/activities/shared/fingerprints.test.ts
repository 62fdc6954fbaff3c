import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import {
  changeFingerprint,
  datasetFingerprint,
  folderFingerprint,
  modelFingerprint,
  promptFingerprint,
} from '../../../activities/shared/fingerprints.ts';
import { localDataset } from '../../../activities/shared/local-dataset.ts';
import type { DatasetConfig } from '../../../contracts/config.ts';
import { sha256 } from '../../../store/addresses.ts';
import { hashFile } from '../../../store/file-hash.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { modelFolder } from '../../client/small-dataset.ts';
import { DEMO_CONFIG } from '../../report/demo-summary.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-fingerprints-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folder: string;
let count = 0;
beforeEach(() => {
  folder = join(root, String(count++));
  mkdirSync(join(folder, 'images'), { recursive: true });
  writeFileSync(join(folder, 'rows.json'), '[]');
  writeFileSync(join(folder, 'images/a.png'), 'a picture');
});

const datasetAt = (): DatasetConfig => ({
  ...DEMO_CONFIG.dataset,
  path: [join(folder, 'rows.json')],
  imageFolder: join(folder, 'images'),
});
/** Buckets are folders below this one. */
const openStore = (uri: string): LocalStore => new LocalStore(join(folder, uri.replace('s3://', '')));
const ofDataset = async (dataset = datasetAt()): Promise<object> =>
  datasetFingerprint(await localDataset(openStore, dataset, null));
const ofChange = (dataset = datasetAt()): Promise<object> => changeFingerprint(openStore, dataset);

test('a file’s hash is that of its bytes, also after they have changed', async () => {
  const path = join(folder, 'rows.json');
  expect(await hashFile(path)).toBe(sha256('[]'));
  writeFileSync(path, '[{}]');
  expect(await hashFile(path)).toBe(sha256('[{}]'));
});

describe.each([
  ['a dataset', ofDataset],
  ['its change', ofChange],
])('the fingerprint of %s', (_, fingerprint) => {
  test('is the same for the same files', async () => {
    expect(await fingerprint()).toEqual(await fingerprint());
  });

  test('is another one when a row file is another, but not when it was only touched', async () => {
    const before = await fingerprint();
    utimesSync(join(folder, 'rows.json'), 5, 5);
    expect(await fingerprint()).toEqual(before);
    writeFileSync(join(folder, 'rows.json'), '[{}]');
    expect(await fingerprint()).not.toEqual(before);
  });

  test('is another one when a picture was touched, came or went', async () => {
    const seen = [await fingerprint()];
    utimesSync(join(folder, 'images/a.png'), 5, 5);
    seen.push(await fingerprint());
    writeFileSync(join(folder, 'images/b.png'), 'another');
    seen.push(await fingerprint());
    rmSync(join(folder, 'images/a.png'));
    seen.push(await fingerprint());
    expect(new Set(seen.map((found) => JSON.stringify(found))).size).toBe(4);
  });

  test('does not depend on where the folder lies', async () => {
    const before = await fingerprint();
    const moved = join(root, `moved-${count++}`);
    renameSync(folder, moved);
    folder = moved;
    expect(await fingerprint()).toEqual(before);
  });
});

test('a dataset in a bucket changes with what the listing says of it, and nothing of it is read', async () => {
  mkdirSync(join(folder, 'bucket/data'), { recursive: true });
  writeFileSync(join(folder, 'bucket/data/rows.json'), '[]');
  class Listed extends LocalStore {
    override localFile(): Promise<string> {
      return Promise.reject(new Error('nothing must be brought'));
    }
  }
  const dataset = { ...datasetAt(), path: ['s3://bucket/data/rows.json'], imageFolder: null };
  const fingerprint = (): Promise<object> =>
    changeFingerprint((uri) => new Listed(join(folder, uri.replace('s3://', ''))), dataset);
  const before = await fingerprint();
  expect(await fingerprint()).toEqual(before);
  utimesSync(join(folder, 'bucket/data/rows.json'), 5, 5);
  expect(await fingerprint()).not.toEqual(before);
});

test('a folder’s fingerprint is of names, sizes and times of everything below it', async () => {
  const before = await folderFingerprint(folder);
  mkdirSync(join(folder, 'empty'));
  expect(await folderFingerprint(folder)).toBe(before);
  renameSync(join(folder, 'images/a.png'), join(folder, 'images/c.png'));
  expect(await folderFingerprint(folder)).not.toBe(before);
  expect(await folderFingerprint(join(folder, 'nowhere'))).toBe(await folderFingerprint(join(folder, 'empty')));
});

describe('the fingerprint of a model', () => {
  const copied = (): string => {
    const copy = join(folder, 'model');
    cpSync(modelFolder, copy, { recursive: true });
    return copy;
  };

  test('is of its weights, settings and templates, by name and bytes, wherever it lies', async () => {
    const copy = copied();
    expect(await modelFingerprint(copy)).toEqual(await modelFingerprint(modelFolder));
    writeFileSync(join(copy, 'README.md'), 'about it');
    expect(await modelFingerprint(copy)).toEqual(await modelFingerprint(modelFolder));
    writeFileSync(join(copy, 'chat_template.jinja'), '{{ messages }}');
    expect(await modelFingerprint(copy)).not.toEqual(await modelFingerprint(modelFolder));
  });

  test('as far as prompts go has no weights and no list of them', async () => {
    const copy = copied();
    writeFileSync(join(copy, 'model.safetensors.index.json'), '{}');
    writeFileSync(join(copy, 'model-00009-of-00009.safetensors'), 'more');
    expect(await promptFingerprint(copy)).toEqual(await promptFingerprint(modelFolder));
    expect(await modelFingerprint(copy)).not.toEqual(await modelFingerprint(modelFolder));
    expect(Object.keys(await promptFingerprint(copy))).toContain('tokenizer.json');
  });
});
