import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { Store } from '../../store/store.ts';

const bytesOf = (text: string): Buffer => Buffer.from(text);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const MEBIBYTE = 1024 * 1024;

/** Claims that hold for every store. @param open gives an empty store, anew for each test */
export function describeStore(name: string, open: () => Store): void {
  const text = async (store: Store, key: string): Promise<string> =>
    Buffer.from(await store.read(key)).toString('utf8');

  describe(`${name} as a store`, () => {
    test('gives back what was written, with hash and size', async () => {
      const store = open();
      const bytes = bytesOf('one two three');
      const written = await store.write('a/b/c.bin', [bytes.subarray(0, 4), new Uint8Array(0), bytes.subarray(4)]);
      expect(written).toEqual({ sha256: sha256(bytes), byteCount: 13 });
      expect(await text(store, 'a/b/c.bin')).toBe('one two three');
      expect(await store.size('a/b/c.bin')).toBe(13);
    });

    test('takes an asynchronous source that uses its memory again, and an empty one', async () => {
      const store = open();
      const memory = Buffer.alloc(1);
      const pieces = async function* (): AsyncGenerator<Uint8Array> {
        for (const letter of 'xyz') {
          memory.write(letter);
          yield await Promise.resolve(memory);
        }
      };
      await store.write('async', pieces());
      expect(await text(store, 'async')).toBe('xyz');
      expect(await store.write('empty', [])).toEqual({ sha256: sha256(bytesOf('')), byteCount: 0 });
      expect(await store.size('empty')).toBe(0);
      expect(await store.read('empty')).toHaveLength(0);
    });

    test.each([8 * MEBIBYTE - 1, 8 * MEBIBYTE, 8 * MEBIBYTE + 1, 25 * MEBIBYTE + 3])(
      'streams %i bytes in and out in pieces, in order',
      async (byteCount) => {
        const store = open();
        const bytes = Buffer.alloc(byteCount, 'a period of odd length: 31 byte');
        const pieces = function* (): Generator<Uint8Array> {
          for (let start = 0; start < byteCount; start += 700_001) yield bytes.subarray(start, start + 700_001);
        };
        expect(await store.write('large', pieces())).toEqual({ sha256: sha256(bytes), byteCount });
        expect(await store.size('large')).toBe(byteCount);
        const read: Uint8Array[] = [];
        for await (const piece of store.stream('large')) read.push(piece);
        expect(read.length).toBeGreaterThan(1);
        expect(Buffer.concat(read).equals(bytes)).toBe(true);
      },
    );

    test('a reader may stop in the middle, and an error of its own stays its own', async () => {
      const store = open();
      await store.write('large', [Buffer.alloc(3 * MEBIBYTE)]);
      const read = async (): Promise<void> => {
        for await (const piece of store.stream('large')) if (piece.length > 0) throw new RangeError('enough');
      };
      await expect(read()).rejects.toThrow(new RangeError('enough'));
      for await (const piece of store.stream('large')) if (piece.length > 0) break;
      expect(await store.size('large')).toBe(3 * MEBIBYTE);
    });

    test('replaces a value by the next of its key', async () => {
      const store = open();
      await store.write('checkpoints/a', [bytesOf('a long first value')]);
      await store.write('checkpoints/a', [bytesOf('second')]);
      expect(await text(store, 'checkpoints/a')).toBe('second');
    });

    test('takes the same artifact twice', async () => {
      const store = open();
      const first = await store.write('artifacts/values/ab/v.arrow', [bytesOf('rows')]);
      expect(await store.write('artifacts/values/ab/v.arrow', [bytesOf('ro'), bytesOf('ws')])).toEqual(first);
      expect(await text(store, 'artifacts/values/ab/v.arrow')).toBe('rows');
    });

    test('a key that is not there has no size, and cannot be read', async () => {
      const store = open();
      expect(await store.size('a/b')).toBeNull();
      await expect(store.read('a/b')).rejects.toMatchObject({ code: 'ENOENT' });
      const read = async (): Promise<void> => {
        for await (const piece of store.stream('a/b')) void piece;
      };
      await expect(read()).rejects.toMatchObject({ code: 'ENOENT' });
    });

    test.each([1, 20 * MEBIBYTE])(
      'where a source fails after %i bytes, the value before stays and the error is that of the source',
      async (byteCount) => {
        const store = open();
        const failing = function* (): Generator<Uint8Array> {
          yield Buffer.alloc(byteCount);
          throw new RangeError('the source broke off');
        };
        await expect(store.write('a/b', failing())).rejects.toThrow(new RangeError('the source broke off'));
        expect(await store.size('a/b')).toBeNull();
        await store.write('a/b', [bytesOf('before')]);
        await expect(store.write('a/b', failing())).rejects.toThrow(RangeError);
        expect(await text(store, 'a/b')).toBe('before');
        expect(await store.list('a')).toEqual(['a/b']);
      },
    );

    test('of many writers of one key one whole value stays', async () => {
      const store = open();
      const values = Array.from({ length: 12 }, (_, writer) => `${writer};`.repeat(5000 + writer));
      await Promise.all(values.map((value) => store.write('shared/key', [bytesOf(value)])));
      expect(values).toContain(await text(store, 'shared/key'));
    });

    test('moves a folder with all that is below it, and nothing else', async () => {
      const store = open();
      for (const key of ['artifacts/values/a/x', 'artifacts/values/a/y/z', 'artifacts/values/ab/x'])
        await store.write(key, [bytesOf(key)]);
      await store.moveFolder('artifacts/values/a', 'damaged/values/a/17');
      expect(await store.list('artifacts')).toEqual(['artifacts/values/ab/x']);
      expect(await store.list('damaged')).toEqual(['damaged/values/a/17/x', 'damaged/values/a/17/y/z']);
      expect(await text(store, 'damaged/values/a/17/y/z')).toBe('artifacts/values/a/y/z');
    });

    test('lists all keys below a folder, sorted, at any depth, and removes them', async () => {
      const store = open();
      for (const key of ['f/b', 'f/a/2', 'f/a/10', 'f/a.json', 'f/Z', 'f/ä b+c', 'fb/x', 'other'])
        await store.write(key, [bytesOf(key)]);
      expect(await store.list('f')).toEqual(['f/Z', 'f/a.json', 'f/a/10', 'f/a/2', 'f/b', 'f/ä b+c']);
      expect(await store.list('f/a')).toEqual(['f/a/10', 'f/a/2']);
      expect(await text(store, 'f/ä b+c')).toBe('f/ä b+c');
      await store.removeFolder('f');
      expect(await store.list('f')).toEqual([]);
      expect(await store.list('fb')).toEqual(['fb/x']);
      await expect(store.removeFolder('f/g')).resolves.toBeUndefined();
    });

    test('tells size and time of values, and knows writes that are not complete', async () => {
      const store = open();
      const startedAt = Date.now();
      await store.write('e/b', [bytesOf('four')]);
      await store.write('e/a/1', [bytesOf('one')]);
      const entries = await store.entries('e');
      expect(entries.map(({ key, byteCount }) => [key, byteCount])).toEqual([
        ['e/a/1', 3],
        ['e/b', 4],
      ]);
      for (const { modifiedMs } of entries) expect(Math.abs(modifiedMs - startedAt)).toBeLessThan(60_000);
      expect(await store.entries('none')).toEqual([]);

      const part = Buffer.alloc(9 * 1024 * 1024, 'x');
      let release = (): void => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      const pieces = async function* (): AsyncGenerator<Uint8Array> {
        yield part;
        yield part;
        await held;
      };
      const write = store.write('e/large', pieces()).catch((error: unknown) => error);
      await vi.waitFor(async () => expect(await store.openWrites('e')).toHaveLength(1), { timeout: 20_000 });
      const [found] = await store.openWrites('e');
      expect(found!.key).toMatch(/^e\/large/);
      expect(await store.openWrites('f')).toEqual([]);
      await store.endWrites('e', found!.begunMs - 1000);
      expect(await store.openWrites('e')).toHaveLength(1);
      // A part that is on its way while its upload is aborted may bring it back.
      await vi.waitFor(
        async () => {
          await store.endWrites('e');
          expect(await store.openWrites('e')).toEqual([]);
        },
        { timeout: 20_000, interval: 200 },
      );
      release();
      expect(await write).toBeInstanceOf(Error);
      expect(await store.size('e/large')).toBeNull();
    });

    test.each(['', '/', '/etc/passwd', 'a//b', 'a/', '..', '../a', 'a/../../b', './a', 'a/.'])(
      'refuses keys that may lead out of it: %j',
      async (key) => {
        const store = open();
        const message = `store: key must be a relative path without empty parts, got "${key}"`;
        const calls: ((key: string) => unknown)[] = [
          (k) => store.size(k),
          (k) => store.read(k),
          (k) => store.stream(k),
          (k) => store.write(k, [bytesOf('x')]),
          (k) => store.list(k),
          (k) => store.removeFolder(k),
          (k) => store.localFolder(k),
          (k) => store.localFile(k),
        ];
        for (const call of calls) await expect((async () => call(key))()).rejects.toThrow(new RangeError(message));
      },
    );

    test('gives a folder of this machine with the files, also after they changed', async () => {
      const store = open();
      await store.write('models/a/config.json', [bytesOf('{}')]);
      await store.write('models/a/parts/1', [bytesOf('one')]);
      const folder = await store.localFolder('models/a');
      expect(await readFile(join(folder, 'config.json'), 'utf8')).toBe('{}');
      expect(await readFile(join(folder, 'parts/1'), 'utf8')).toBe('one');
      await store.write('models/a/parts/1', [bytesOf('other')]);
      expect(await store.localFolder('models/a')).toBe(folder);
      expect(await readFile(join(folder, 'parts/1'), 'utf8')).toBe('other');
      expect(await readFile(await store.localFile('models/a/parts/1'), 'utf8')).toBe('other');
      await expect(store.localFile('models/a/none')).rejects.toMatchObject({ code: 'ENOENT' });
      await store.removeFolder('models/a/parts');
      await expect(readFile(join(await store.localFolder('models/a'), 'parts/1'))).rejects.toThrow('ENOENT');
    });
  });
}
