import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ArtifactMismatchError, DamagedArtifactError } from '../../contracts/failures.ts';
import type { FileReference } from '../../contracts/references.ts';
import { STAGE_VERSIONS } from '../../contracts/stages.ts';
import { checkpointFolder, sha256, stageAddress } from '../../store/addresses.ts';
import { fileOf, findArtifact, finishArtifact, readManifest } from '../../store/artifacts.ts';
import { LocalStore } from '../../store/local-store.ts';
import { readVerified, streamVerified } from '../../store/verified.ts';
import type { ByteChunks, WrittenFile } from '../../store/store.ts';

const MEBIBYTE = 1024 * 1024;
const DETERMINANTS = { lambda: 3 };
const ADDRESS = stageAddress('values', DETERMINANTS);
const URI = `artifacts/values/${ADDRESS}`;

let folder: string;
let store: LocalStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tive-artifacts-'));
  store = new LocalStore(folder);
});
afterEach(() => rm(folder, { recursive: true }));

async function writeFileOf(name: string, bytes: Uint8Array, rowCount = 0): Promise<FileReference> {
  return { name, rowCount, ...(await store.write(`${URI}/${name}`, [bytes])) };
}

const FILE: FileReference = { name: 'values.arrow', sha256: '3f'.repeat(32), byteCount: 5, rowCount: 2 };

interface Content {
  determinants: object;
  files: FileReference[];
  rowCount: number;
  details: object | null;
}
const CONTENT: Content = { determinants: DETERMINANTS, files: [FILE], rowCount: 2, details: { tasks: ['vqa'] } };

const finish = (change: Partial<Content> = {}, address = ADDRESS): ReturnType<typeof finishArtifact> =>
  finishArtifact(store, 'values', address, { ...CONTENT, ...change });

/** Turns one byte of a file on the disk. */
async function damage(name: string, place: number): Promise<void> {
  const path = join(folder, URI, name);
  const bytes = await readFile(path);
  bytes[place]! ^= 1;
  await writeFile(path, bytes);
}

const hint = 'tive run --repair sets the artifact aside and makes it again';
const mismatch = (name: string, expected: string, found: string): Error =>
  new DamagedArtifactError(`${URI}/${name}: sha256 must be ${expected}, got ${found}; ${hint}`, {
    ...{ uri: URI, name, expected, found },
  });

describe('an artifact', () => {
  test('is not there until it is finished, whatever files it has', async () => {
    const file = await writeFileOf('values.arrow', Buffer.from('rows'), 2);
    expect(await findArtifact(store, 'values', ADDRESS)).toBeNull();
    const reference = await finish({ files: [file] });
    expect(reference).toEqual({ uri: URI, sha256: reference.sha256, rowCount: 2, schemaVersion: 1 });
    expect(await findArtifact(store, 'values', ADDRESS)).toEqual(reference);
    expect(await findArtifact(store, 'selection', ADDRESS)).toBeNull();
  });

  test('is finished by artifact.json before its checkpoints go, so that it never loses both', async () => {
    const events: string[] = [];
    class RecordingStore extends LocalStore {
      override async write(key: string, chunks: ByteChunks): Promise<WrittenFile> {
        events.push(`write ${key}`);
        return super.write(key, chunks);
      }
      override async removeFolder(key: string): Promise<void> {
        events.push(`remove ${key}, artifact.json has ${String(await this.size(`${URI}/artifact.json`))} bytes`);
        return super.removeFolder(key);
      }
    }
    await finishArtifact(new RecordingStore(folder), 'values', ADDRESS, CONTENT);
    const size = (await readFile(join(folder, URI, 'artifact.json'))).length;
    expect(events).toEqual([
      `write ${URI}/artifact.json`,
      `remove checkpoints/values/${ADDRESS}, artifact.json has ${size} bytes`,
    ]);
  });

  test('has no checkpoints any more, those of other addresses stay', async () => {
    const [own, other] = [checkpointFolder('values', ADDRESS), checkpointFolder('values', 'f'.repeat(40))];
    for (const key of [own, other]) await store.write(`${key}/step-5`, [Buffer.from('state')]);
    await finish();
    expect(await store.list('checkpoints')).toEqual([`${other}/step-5`]);
  });

  test('has a manifest of canonical JSON in one line, without time, host and run', async () => {
    const reference = await finish();
    const text = await readFile(join(folder, URI, 'artifact.json'), 'utf8');
    const before = `{"address":"${ADDRESS}","contentSha256":"${reference.sha256}","details":{"tasks":["vqa"]},`;
    const files = `"files":[{"byteCount":5,"name":"values.arrow","rowCount":2,"sha256":"${FILE.sha256}"}],`;
    const own = `${before}"determinants":{"lambda":3},${files}"rowCount":2,"schemaVersion":1,`;
    const last = `"stage":"values","stageVersion":${STAGE_VERSIONS.values}}`;
    expect(text).toBe(`${own}"sha256":"${sha256(own + last)}",${last}\n`);
  });

  test('that is finished twice is the same one', async () => {
    const first = await finish();
    const bytes = await readFile(join(folder, URI, 'artifact.json'));
    expect(await finish()).toEqual(first);
    expect(await readFile(join(folder, URI, 'artifact.json'))).toEqual(bytes);
  });

  test('is read back by its reference', async () => {
    const manifest = await readManifest(store, await finish());
    expect(manifest).toMatchObject({
      schemaVersion: 1,
      stage: 'values',
      stageVersion: STAGE_VERSIONS.values,
      address: ADDRESS,
      ...CONTENT,
    });
    expect(fileOf(manifest, 'values.arrow')).toEqual(FILE);
  });

  test('without a file of that name says which it has', async () => {
    const manifest = await readManifest(store, await finish({ files: [FILE, { ...FILE, name: 'notes.json' }] }));
    expect(() => fileOf(manifest, 'rows.arrow')).toThrow(
      new ArtifactMismatchError('values: artifact must hold rows.arrow, got values.arrow, notes.json'),
    );
  });
});

describe('the hash of a reference', () => {
  test('does not cover what the artifact was made from, nor where it lies', async () => {
    const first = await finish();
    const other = await finish({ determinants: { lambda: 5 } }, 'f'.repeat(40));
    expect(other.sha256).toBe(first.sha256);
    expect(other.uri).not.toBe(first.uri);
  });

  test('covers each file, the rows and the details', async () => {
    const changes: Partial<Content>[] = [
      {},
      { files: [] },
      { files: [{ ...FILE, sha256: '77'.repeat(32) }] },
      { files: [{ ...FILE, name: 'other.arrow' }] },
      { rowCount: 3 },
      { details: { tasks: ['ocr'] } },
      { details: null },
    ];
    const hashes: string[] = [];
    for (const change of changes) hashes.push((await finish(change)).sha256);
    expect(new Set(hashes).size).toBe(changes.length);
  });
});

describe('a manifest is refused', () => {
  test('where its content is not that of the reference', async () => {
    const reference = await finish();
    const replaced = await finish({ rowCount: 3 });
    await expect(readManifest(store, reference)).rejects.toThrow(
      mismatch('artifact.json', reference.sha256, replaced.sha256),
    );
    expect((await readManifest(store, replaced)).rowCount).toBe(3);
  });

  test('where another version of the layout wrote it', async () => {
    const reference = await finish();
    const path = join(folder, URI, 'artifact.json');
    await writeFile(
      path,
      withoutHashes(await readFile(path, 'utf8')).replace('"schemaVersion":1', '"schemaVersion":2'),
    );
    const error = new ArtifactMismatchError(`${URI}: schema version must be 1, got 2; use another store`);
    await expect(readManifest(store, reference)).rejects.toThrow(error);
    await expect(findArtifact(store, 'values', ADDRESS)).rejects.toThrow(error);
  });

  test.each([
    ['that is no JSON', () => '{"address":"3f9'],
    ['that is empty', () => ''],
    ['that is cut', (text: string) => text.slice(0, -40)],
    ['with one letter of a task changed', (text: string) => text.replace('"vqa"', '"vqb"')],
    ['with another count of rows', (text: string) => text.replace('"rowCount":2,"schema', '"rowCount":3,"schema')],
    ['of another version of its stage', (text: string) => text.replace(/("stageVersion":)\d+/, '$199')],
    ['with other determinants', (text: string) => text.replace('"lambda":3', '"lambda":2')],
    ['with another hash of its own', (text: string) => text.replace(/(,"sha256":")..../, '$10000')],
  ])('%s, by name and by address', async (_, change) => {
    const reference = await finish();
    const path = join(folder, URI, 'artifact.json');
    const changed = change(await readFile(path, 'utf8'));
    await writeFile(path, changed);
    await expect(readManifest(store, reference)).rejects.toThrow(
      mismatch('artifact.json', reference.sha256, sha256(changed)),
    );
    const found = await findArtifact(store, 'values', ADDRESS).catch((error: unknown) => error);
    expect(found).toBeInstanceOf(DamagedArtifactError);
    expect((found as DamagedArtifactError).damage).toMatchObject({ uri: URI, found: sha256(changed) });
  });

  test('where it is gone, to who has its reference; to who has its address the artifact is none', async () => {
    const reference = await finish();
    await rm(join(folder, URI, 'artifact.json'));
    await expect(readManifest(store, reference)).rejects.toThrow(
      `${URI}/artifact.json: sha256 must be ${reference.sha256}, got no file; ${hint}`,
    );
    expect(await findArtifact(store, 'values', ADDRESS)).toBeNull();
  });
});

/** A manifest as it was written before it had hashes of its own. */
function withoutHashes(text: string): string {
  return text.replace(/"contentSha256":"\w+",/, '').replace(/"sha256":"\w+",("stage")/, '$1');
}

describe('a manifest from before it had hashes', () => {
  test('is taken as it is', async () => {
    const reference = await finish();
    const path = join(folder, URI, 'artifact.json');
    await writeFile(path, withoutHashes(await readFile(path, 'utf8')));
    expect(await findArtifact(store, 'values', ADDRESS)).toEqual(reference);
    expect((await readManifest(store, reference)).rowCount).toBe(2);
  });

  test('is held against the reference all the same', async () => {
    const reference = await finish();
    const path = join(folder, URI, 'artifact.json');
    await writeFile(path, withoutHashes(await readFile(path, 'utf8')).replace('"vqa"', '"vqb"'));
    await expect(readManifest(store, reference)).rejects.toThrow(DamagedArtifactError);
  });
});

describe('a file', () => {
  async function read(file: FileReference): Promise<{ pieces: Uint8Array[]; error: unknown }> {
    const pieces: Uint8Array[] = [];
    try {
      for await (const piece of streamVerified(store, URI, file)) pieces.push(piece);
      return { pieces, error: null };
    } catch (error) {
      return { pieces, error };
    }
  }

  test.each([0, 1, MEBIBYTE, 3 * MEBIBYTE + 5])('of %i bytes comes whole, streamed or not', async (byteCount) => {
    const bytes = Buffer.alloc(byteCount, 'abcdefg');
    const file = await writeFileOf('values.arrow', bytes);
    const { pieces, error } = await read(file);
    expect(error).toBeNull();
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
    expect(Buffer.from(await readVerified(store, URI, file)).equals(bytes)).toBe(true);
  });

  test.each([0, 8 * MEBIBYTE, 9 * MEBIBYTE - 1])(
    'damaged at byte %i does not come to its last piece',
    async (place) => {
      const bytes = Buffer.alloc(9 * MEBIBYTE, 'abcdefg');
      const file = await writeFileOf('values.arrow', bytes);
      await damage('values.arrow', place);
      const found = sha256(await readFile(join(folder, URI, 'values.arrow')));
      const { pieces, error } = await read(file);
      expect(error).toEqual(mismatch('values.arrow', file.sha256, found));
      expect(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBe(8 * MEBIBYTE);
      await expect(readVerified(store, URI, file)).rejects.toThrow(mismatch('values.arrow', file.sha256, found));
    },
  );

  test.each([
    ['cut short', (bytes: Buffer): Buffer => bytes.subarray(0, 10)],
    ['with more at its end', (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.of(0)])],
    ['that became empty', (): Buffer => Buffer.alloc(0)],
  ])('of one piece %s gives nothing but the error', async (_, change) => {
    const bytes = Buffer.alloc(1000, 'abcdefg');
    const file = await writeFileOf('values.arrow', bytes);
    const changed = change(bytes);
    await writeFile(join(folder, URI, 'values.arrow'), changed);
    const { pieces, error } = await read(file);
    expect(pieces).toEqual([]);
    expect(error).toEqual(mismatch('values.arrow', file.sha256, sha256(changed)));
    expect(error).toBeInstanceOf(DamagedArtifactError);
  });
});
