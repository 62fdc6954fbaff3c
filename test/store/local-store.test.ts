import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LocalStore } from '../../store/local-store.ts';
import { describeStore } from './contract.ts';

let folder: string;
let store: LocalStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tive-store-'));
  store = new LocalStore(folder);
});
afterEach(() => rm(folder, { recursive: true }));

describeStore('a folder', () => store);

const text = async (key: string): Promise<string> => Buffer.from(await store.read(key)).toString('utf8');

/** Every file of the folder, listed or not. */
async function filesOnDisk(): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

describe('a value', () => {
  test('is what its pieces were, with hash and size', async () => {
    const bytes = Buffer.from('one two three');
    const written = await store.write('a/b/c.bin', [bytes.subarray(0, 4), new Uint8Array(0), bytes.subarray(4)]);
    expect(written).toEqual({ sha256: createHash('sha256').update(bytes).digest('hex'), byteCount: 13 });
    expect(await text('a/b/c.bin')).toBe('one two three');
    expect(await store.size('a/b/c.bin')).toBe(13);
    expect(await readFile(join(folder, 'a/b/c.bin'))).toEqual(bytes);
  });

  test('may come from an asynchronous source, and may be empty', async () => {
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from('x'));
      yield Buffer.from('y');
    };
    await store.write('async', pieces());
    expect(await text('async')).toBe('xy');
    expect(await store.write('empty', [])).toEqual({
      sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      byteCount: 0,
    });
    expect(await store.size('empty')).toBe(0);
  });

  test('streams in pieces, in order', async () => {
    const bytes = Buffer.alloc(9 * 1024 * 1024 + 5, 'abcdefg');
    await store.write('large', [bytes]);
    const pieces: Uint8Array[] = [];
    for await (const piece of store.stream('large')) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(1);
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  });

  test('is replaced by the next of its key', async () => {
    await store.write('a', [Buffer.from('a long first value')]);
    await store.write('a', [Buffer.from('second')]);
    expect(await text('a')).toBe('second');
    expect(await filesOnDisk()).toEqual(['a']);
  });

  test('that is not there has no size, and cannot be read', async () => {
    expect(await store.size('a/b')).toBeNull();
    await expect(store.read('a/b')).rejects.toMatchObject({ code: 'ENOENT' });
    const read = async (): Promise<void> => {
      for await (const piece of store.stream('a/b')) void piece;
    };
    await expect(read()).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('a write is whole or not there', () => {
  const failing = function* (): Generator<Uint8Array> {
    yield Buffer.from('half of ');
    throw new RangeError('the source broke off');
  };

  test('while it goes on, the value is neither listed nor read', async () => {
    const seen: unknown[] = [];
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half of ');
      seen.push(await store.list('a'), await store.size('a/b'), (await filesOnDisk()).length);
      yield Buffer.from('it');
    };
    await store.write('a/b', pieces());
    expect(seen).toEqual([[], null, 1]);
    expect(await store.list('a')).toEqual(['a/b']);
  });

  test('where its source fails, nothing is left and the error is that of the source', async () => {
    await expect(store.write('a/b', failing())).rejects.toThrow(new RangeError('the source broke off'));
    expect(await store.size('a/b')).toBeNull();
    expect(await filesOnDisk()).toEqual([]);
  });

  test('where its source fails, the value that was there before stays', async () => {
    await store.write('a/b', [Buffer.from('before')]);
    await expect(store.write('a/b', failing())).rejects.toThrow(RangeError);
    expect(await text('a/b')).toBe('before');
    expect(await filesOnDisk()).toEqual(['b']);
  });

  test('a file that a killed process left half-written is never listed', async () => {
    await store.write('a/b', [Buffer.from('whole')]);
    await writeFile(join(folder, 'a/b.5e0f.partial'), 'half');
    expect(await store.list('a')).toEqual(['a/b']);
  });

  test('of many writers of one key one whole value stays, and nothing else', async () => {
    const values = Array.from({ length: 12 }, (_, writer) => `${writer};`.repeat(5000 + writer));
    const pieces = async function* (value: string): AsyncGenerator<Uint8Array> {
      for (let start = 0; start < value.length; start += 4096)
        yield await Promise.resolve(Buffer.from(value.slice(start, start + 4096)));
    };
    await Promise.all(values.map((value) => store.write('shared/key', pieces(value))));
    expect(values).toContain(await text('shared/key'));
    expect(await filesOnDisk()).toEqual(['key']);
  });

  test('writers of different stores on one folder do not disturb each other', async () => {
    const other = new LocalStore(folder);
    await Promise.all([store.write('a/x', [Buffer.from('1')]), other.write('a/y', [Buffer.from('2')])]);
    expect(await store.list('a')).toEqual(['a/x', 'a/y']);
  });
});

describe('listing', () => {
  test('gives all keys below a folder, sorted, at any depth', async () => {
    for (const key of ['f/b', 'f/a/2', 'f/a/10', 'f/a.json', 'f/Z', 'fb/x', 'other'])
      await store.write(key, [Buffer.from(key)]);
    expect(await store.list('f')).toEqual(['f/Z', 'f/a.json', 'f/a/10', 'f/a/2', 'f/b']);
    expect(await store.list('f/a')).toEqual(['f/a/10', 'f/a/2']);
  });

  test('of a folder that is not there is empty', async () => {
    expect(await store.list('f')).toEqual([]);
  });
});

describe('removing a folder', () => {
  test('removes all below it, half-written files too, and nothing beside it', async () => {
    for (const key of ['f/a/b', 'f/c', 'fb/x']) await store.write(key, [Buffer.from(key)]);
    await writeFile(join(folder, 'f/d.5e0f.partial'), 'half');
    await store.removeFolder('f');
    expect(await store.list('f')).toEqual([]);
    expect(await filesOnDisk()).toEqual(['x']);
  });

  test('that is not there does nothing', async () => {
    await expect(store.removeFolder('f/g')).resolves.toBeUndefined();
  });
});

describe('keys', () => {
  test.each(['', '/', '/etc/passwd', 'a//b', 'a/', '..', '../a', 'a/../../b', './a', 'a/.'])(
    'that may leave the store are refused everywhere: %j',
    async (key) => {
      const message = `store: key must be a relative path without empty parts, got "${key}"`;
      const calls: ((key: string) => unknown)[] = [
        (k) => store.size(k),
        (k) => store.read(k),
        (k) => store.stream(k),
        (k) => store.write(k, [Buffer.from('x')]),
        (k) => store.list(k),
        (k) => store.removeFolder(k),
        (k) => store.localFolder(k),
      ];
      for (const call of calls) await expect((async () => call(key))()).rejects.toThrow(new RangeError(message));
      expect(await filesOnDisk()).toEqual([]);
    },
  );

  test('with dots inside of names are taken', async () => {
    await store.write('a..b/.c', [Buffer.from('x')]);
    expect(await store.list('a..b')).toEqual(['a..b/.c']);
  });
});

describe('the place', () => {
  test('is the address as given, and a folder holds its files', async () => {
    expect(store.uri).toBe(folder);
    await store.write('models/a/config.json', [Buffer.from('{}')]);
    expect(await readFile(join(await store.localFolder('models/a'), 'config.json'), 'utf8')).toBe('{}');
  });
});

test('writes of killed writers are ended: what they left goes, values stay', async () => {
  await store.write('artifacts/a/whole', [Buffer.from('whole')]);
  for (const name of ['a/whole.1234.partial', 'b/other.1234.partial']) {
    await mkdir(dirname(join(folder, 'artifacts', name)), { recursive: true });
    await writeFile(join(folder, 'artifacts', name), 'hal');
  }
  await store.endWrites('artifacts/a');
  expect((await filesOnDisk()).sort()).toEqual(['other.1234.partial', 'whole']);
  await expect(store.endWrites('artifacts/none')).resolves.toBeUndefined();
});
