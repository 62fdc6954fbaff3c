import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { isRemote, listRemote, localDataset, localFile } from '../../../activities/shared/local-dataset.ts';
import type { DatasetConfig } from '../../../contracts/config.ts';
import { InvalidDatasetError } from '../../../contracts/failures.ts';
import type { ArtifactReference } from '../../../contracts/references.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { DEMO_CONFIG } from '../../report/demo-summary.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-local-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let openCount = 0;
let isAway = false;
beforeEach(() => {
  openCount = 0;
  isAway = false;
});

/** Buckets are folders below the root. */
const openStore = (uri: string): LocalStore => {
  openCount += 1;
  if (isAway) throw new Error('the bucket is away');
  return new LocalStore(join(root, uri.replace('s3://', '')));
};

mkdirSync(join(root, 'bucket/data/images'), { recursive: true });
writeFileSync(join(root, 'bucket/rows.json'), '[]');
writeFileSync(join(root, 'bucket/data/rows.json'), '[]');
writeFileSync(join(root, 'bucket/data/images/a.png'), 'a picture');

const dataset = (path: string, imageFolder: DatasetConfig['imageFolder'] = null): DatasetConfig => ({
  ...DEMO_CONFIG.dataset,
  path: [path],
  imageFolder,
});
const remote = dataset('s3://bucket/data/rows.json', 's3://bucket/data/images');
const here = dataset(join(root, 'bucket/data/rows.json'));

/** The table that the dataset stage has made, by its content. */
const table = (sha256: string): ArtifactReference => ({ uri: 'rows', sha256, rowCount: 0, schemaVersion: 1 });

describe('a dataset on this machine', () => {
  test('is read where it lies, its pictures beside it where no folder is set', async () => {
    const { sources } = await localDataset(openStore, here, null);
    const path = join(root, 'bucket/data/rows.json');
    expect(sources).toEqual([{ path, origin: path, packed: null, form: null, imageFolder: join(root, 'bucket/data') }]);
    expect(isRemote(here)).toBe(false);
    expect(openCount).toBe(0);
  });
});

describe('a path that is no file of rows', () => {
  const refusal = (path: string) => expect(localDataset(openStore, dataset(path), null)).rejects;

  test('is refused at once, and not retried: nothing, a folder, a device, a socket', async () => {
    await refusal(join(root, 'none.json')).toThrow(/^dataset\.path: file must exist, got ".*none\.json"$/);
    await refusal(root).toThrow(InvalidDatasetError);
    await refusal(root).toThrow(/^dataset\.path: must be a file, got a folder at ".*"$/);
    await refusal('/dev/zero').toThrow('dataset.path: must be a file, got a device at "/dev/zero"');
    const server = createServer().listen(join(root, 'rows.json'));
    await once(server, 'listening');
    await refusal(join(root, 'rows.json')).toThrow(/got a socket at /);
    server.close();
  });
});

describe('rows that are packed with their pictures', () => {
  const packed = dataset(join(import.meta.dirname, '../../golden/packed/shard-00000.tar'));
  beforeAll(() => void vi.stubEnv('TIVE_CACHE', join(root, 'cache')));
  afterAll(() => void vi.unstubAllEnvs());

  test('are unpacked once a machine, and known by the file that was given', async () => {
    const { sources } = await localDataset(openStore, packed, null);
    const folder = sources[0]!.packed!;
    expect(dirname(folder)).toBe(join(root, 'cache/unpacked'));
    expect(sources).toEqual([
      { path: join(folder, 'rows.jsonl'), origin: packed.path[0], packed: folder, form: null, imageFolder: folder },
    ]);
    const { ino } = statSync(join(folder, 'rows.jsonl'));
    expect((await localDataset(openStore, packed, null)).sources).toEqual(sources);
    expect(statSync(join(folder, 'rows.jsonl')).ino).toBe(ino);
  });

  test.each<[string, (file: string) => void]>([
    ['is gone', (file) => rmSync(file)],
    ['was cut', (file) => truncateSync(file, 10)],
  ])('are unpacked again where a picture %s', async (_, damage) => {
    const { sources } = await localDataset(openStore, packed, null);
    const folder = sources[0]!.packed!;
    const names = () =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => [name, statSync(join(parentPath, name)).size]);
    const whole = names();
    const [picture] = readdirSync(join(folder, '00000'));
    damage(join(folder, '00000', picture!));
    expect(names()).not.toEqual(whole);
    expect((await localDataset(openStore, packed, null)).sources).toEqual(sources);
    expect(names()).toEqual(whole);
  });

  test('may name pictures of a folder that is set', async () => {
    const { sources } = await localDataset(openStore, { ...packed, imageFolder: '/elsewhere' }, null);
    expect(sources[0]).toMatchObject({ imageFolder: '/elsewhere', packed: expect.any(String) as string });
  });

  test('are refused where the recipe says another format', async () => {
    const refused = expect(localDataset(openStore, { ...packed, format: 'parquet' }, null)).rejects;
    await refused.toThrow('shard-00000.tar: must be parquet as dataset.format says, got tar by its bytes');
  });
});

describe('a dataset in a bucket', () => {
  test('is brought here, rows and pictures', async () => {
    const { sources } = await localDataset(openStore, remote, null);
    expect(isRemote(remote)).toBe(true);
    expect(sources[0]).toMatchObject({
      path: join(root, 'bucket/data/rows.json'),
      imageFolder: join(root, 'bucket/data/images'),
    });
  });

  test('is remote as well where only its pictures are', () => {
    expect(isRemote(dataset(here.path[0]!, 's3://bucket/data/images'))).toBe(true);
  });

  test('is looked at once for a rows table, and again for another or for none', async () => {
    const first = await localDataset(openStore, remote, table('one'));
    const opened = openCount;
    expect(opened).toBeGreaterThan(0);
    expect(await localDataset(openStore, remote, table('one'))).toBe(first);
    expect(openCount).toBe(opened);
    await localDataset(openStore, remote, table('two'));
    expect(openCount).toBe(2 * opened);
    await localDataset(openStore, remote, null);
    expect(openCount).toBe(3 * opened);
  });

  test('that could not be brought is tried again', async () => {
    isAway = true;
    await expect(localDataset(openStore, remote, table('away'))).rejects.toThrow('the bucket is away');
    isAway = false;
    expect((await localDataset(openStore, remote, table('away'))).sources).toHaveLength(1);
  });

  test('is listed with key, size and time of everything beside it and below its pictures', async () => {
    const lines = await listRemote(openStore, remote);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^data\/images\/a\.png 9 \d/);
    expect(lines[1]).toMatch(/^data\/rows\.json 2 \d/);
    expect(lines[2]).toBe(lines[0]);
    expect(await listRemote(openStore, here)).toEqual([]);
  });

  test('whose file is not there is refused by its address', async () => {
    const refused = expect(localFile(openStore, 's3://bucket/data/none.json')).rejects;
    await refused.toThrow(new InvalidDatasetError('dataset.path: file must exist, got "s3://bucket/data/none.json"'));
  });

  test('must lie below a prefix', async () => {
    const refused = expect(localDataset(openStore, dataset('s3://bucket/rows.json'), null)).rejects;
    await refused.toThrow('dataset: address must be below a prefix of its bucket, got "s3://bucket"');
  });
});
