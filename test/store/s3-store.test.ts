import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { S3 } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { DamagedArtifactError, InvalidConfigError } from '../../contracts/failures.ts';
import { sha256 } from '../../store/addresses.ts';
import { LocalStore } from '../../store/local-store.ts';
import { connectS3 } from '../../store/s3-client.ts';
import { S3Store } from '../../store/s3-store.ts';
import { verifiedFile } from '../../store/verified.ts';
import { describeStore } from './contract.ts';
import { startFaultyProxy } from './faulty-proxy.ts';
import type { Fault, FaultyProxy, SeenRequest } from './faulty-proxy.ts';
import { ACCESS_KEY, INSTALL_TIMEOUT_MS, SECRET_KEY, startS3Server } from './s3-server.ts';
import type { S3Server } from './s3-server.ts';

const MEBIBYTE = 1024 * 1024;

let server: S3Server;
let missing: string | null = null;
let proxy: FaultyProxy;
/** Requests of the tests themselves. */
let s3: S3;
let cache: string;
/** Straight to the server, and through the proxy. */
let store: S3Store;
let shaky: S3Store;
let prefix: string;

beforeAll(async () => {
  const started = await startS3Server();
  if (typeof started === 'string') {
    missing = started;
    return;
  }
  server = started;
  cache = await mkdtemp(join(tmpdir(), 'tive-s3-cache-'));
  for (const [name, value] of Object.entries({ ...server.environment, TIVE_CACHE: cache })) vi.stubEnv(name, value);
  proxy = await startFaultyProxy(server.endpoint);
  s3 = await connectS3({ endpoint: server.endpoint, pathStyle: true });
}, INSTALL_TIMEOUT_MS);

afterAll(async () => {
  vi.unstubAllEnvs();
  if (missing !== null) return;
  await proxy.stop();
  await server.stop();
  await rm(cache, { recursive: true, force: true });
});

/** For tests that need the server: skips them, with the reason, where there is none. */
function needsServer(): void {
  beforeEach((context) => {
    if (missing !== null) context.skip(missing);
    proxy.reset();
    prefix = `runs/${randomUUID()}`;
    const uri = `s3://${server.bucket}/${prefix}`;
    store = new S3Store(uri);
    shaky = new S3Store(uri, { endpoint: proxy.endpoint, pathStyle: true });
  });
}

/** Bytes that differ from place to place, so that a gap or a repeated byte shows. */
function bytesOfLength(length: number): Buffer {
  return Buffer.from(
    Uint32Array.from({ length: Math.ceil(length / 4) }, (_, index) => index * 2654435761).buffer,
    0,
    length,
  );
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of chunks) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function openUploads(): Promise<number> {
  return (await s3.listMultipartUploads({ Bucket: server.bucket, Prefix: prefix })).Uploads?.length ?? 0;
}

const isPart = ({ method, url }: SeenRequest): boolean => method === 'PUT' && url.includes('partNumber');
const isGet = ({ method }: SeenRequest): boolean => method === 'GET';
const isPut = ({ method }: SeenRequest): boolean => method === 'PUT';
const isCompletion = ({ method, url }: SeenRequest): boolean => method === 'POST' && url.includes('uploadId=');
const SLOW_DOWN: Fault = { kind: 'refuse', status: 503, code: 'SlowDown' };

describe('with a server', () => {
  needsServer();
  describeStore('a bucket', () => store);

  test('a bucket without a prefix is a store too', async () => {
    const whole = new S3Store(`s3://${server.bucket}`);
    await whole.write(`${prefix}/a`, [Buffer.from('x')]);
    expect(await whole.list(prefix)).toEqual([`${prefix}/a`]);
    expect(await store.list('a')).toEqual([]);
    expect(Buffer.from(await store.read('a')).toString()).toBe('x');
  });

  test('a value carries its SHA-256, as metadata and as checksum; one in parts that of its parts', async () => {
    const { sha256 } = await store.write('a', [Buffer.from('value')]);
    await store.write('b', [Buffer.alloc(9 * MEBIBYTE)]);
    const head = (key: string) =>
      s3.headObject({ Bucket: server.bucket, Key: `${prefix}/${key}`, ChecksumMode: 'ENABLED' });
    expect(await head('a')).toMatchObject({
      Metadata: { sha256 },
      ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
    });
    expect((await head('b')).ChecksumSHA256).toMatch(/^[A-Za-z0-9+/]{43}=-2$/);
  });

  test('more than a thousand values are listed and removed', async () => {
    const keys = Array.from({ length: 1005 }, (_, index) => `many/${String(index).padStart(4, '0')}`);
    for (let start = 0; start < keys.length; start += 15)
      await Promise.all(keys.slice(start, start + 15).map((key) => store.write(key, [Buffer.from(key)])));
    expect(await store.list('many')).toEqual(keys);
    await store.removeFolder('many');
    expect(await store.list('many')).toEqual([]);
  });

  test('names that are no keys are not listed', async () => {
    await s3.putObject({ Bucket: server.bucket, Key: `${prefix}/f/` });
    await store.write('f/a', [Buffer.from('x')]);
    expect(await store.list('f')).toEqual(['f/a']);
    expect(await readdir(await store.localFolder('f'))).toEqual(['a']);
  });

  test('a folder is brought to this machine once, whoever asks at the same time', async () => {
    const bytes = bytesOfLength(3 * MEBIBYTE);
    await store.write('models/weights', [bytes]);
    const [folder] = await Promise.all([shaky, shaky, shaky].map((each) => each.localFolder('models')));
    expect(await readdir(folder!)).toEqual(['weights']);
    proxy.reset();
    const other = new S3Store(shaky.uri, { endpoint: proxy.endpoint, pathStyle: true });
    expect(await other.localFolder('models')).toBe(folder);
    expect(proxy.seen.filter(({ url }) => url.includes('weights'))).toEqual([]);
    await writeFile(join(folder!, 'weights'), 'half');
    await other.localFolder('models');
    expect(Buffer.from(await new LocalStore(folder!).read('weights')).equals(bytes)).toBe(true);
    // A copy that went bad here, its size and time as before, is brought again where bytes count.
    const copy = join(folder!, 'weights');
    const { mtime } = await stat(copy);
    await writeFile(copy, Buffer.from(bytes).fill(0, 0, 1));
    await utimes(copy, mtime, mtime);
    const hash = sha256(bytes);
    expect(await verifiedFile(other, 'models/weights', (found) => found === hash)).toBe(copy);
    expect(Buffer.from(await readFile(copy)).equals(bytes)).toBe(true);
    expect(await verifiedFile(other, 'models/weights', () => false)).toBeNull();
    await other.removeFolder('models');
    await expect(readdir(folder!)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('an artifact', () => {
  needsServer();

  test.each([1000, 9 * MEBIBYTE])(
    'of %i bytes and eight racing writers is one whole value, and all succeed',
    async (byteCount) => {
      const bytes = bytesOfLength(byteCount);
      const stores = Array.from({ length: 8 }, () => new S3Store(store.uri));
      const written = await Promise.all(stores.map((each) => each.write('artifacts/values/a/v.arrow', [bytes])));
      expect(new Set(written.map(({ sha256 }) => sha256)).size).toBe(1);
      expect(Buffer.from(await store.read('artifacts/values/a/v.arrow')).equals(bytes)).toBe(true);
      expect(await store.list('artifacts')).toEqual(['artifacts/values/a/v.arrow']);
      expect(await openUploads()).toBe(0);
    },
  );

  test.each([10, 9 * MEBIBYTE])('of %i bytes is never replaced by another value', async (byteCount) => {
    const key = 'artifacts/values/a/v.arrow';
    const bytes = bytesOfLength(byteCount);
    const first = await store.write(key, [bytes]);
    const changed = Buffer.from(bytes);
    changed[byteCount - 1]! ^= 1;
    const wrong = store.write(key, [changed]);
    await expect(wrong).rejects.toThrow(DamagedArtifactError);
    await expect(wrong).rejects.toThrow(
      new RegExp(
        `^s3://${server.bucket}/${prefix}/${key}: must hold sha256 [0-9a-f]{12}… of ${byteCount} bytes, ` +
          `got sha256 ${first.sha256.slice(0, 12)}… of ${byteCount} bytes; tive run --repair sets the artifact aside and makes it again$`,
      ),
    );
    await expect(store.write(key, [bytes, bytes])).rejects.toThrow(`of ${2 * byteCount} bytes, got `);
    expect(Buffer.from(await store.read(key)).equals(bytes)).toBe(true);
    expect(await openUploads()).toBe(0);
  });

  test('that another program put in other parts is the same by its bytes', async () => {
    const key = `${prefix}/artifacts/a/b`;
    const bytes = bytesOfLength(9 * MEBIBYTE);
    await s3.putObject({ Bucket: server.bucket, Key: key, Body: bytes });
    await expect(store.write('artifacts/a/b', [bytes])).resolves.toMatchObject({ byteCount: bytes.length });
  });
});

describe('two writers at the same moment', () => {
  needsServer();

  test.each([5, 9 * MEBIBYTE])('one of them comes again: %i bytes', async (byteCount) => {
    const fault: Fault = { kind: 'refuse', status: 409, code: 'ConditionalRequestConflict' };
    const last = (seen: SeenRequest): boolean => isCompletion(seen) || (isPut(seen) && !isPart(seen));
    proxy.break({ when: last, times: 2, fault });
    await shaky.write('artifacts/a/b', [bytesOfLength(byteCount)]);
    expect(await store.size('artifacts/a/b')).toBe(byteCount);
    expect(await openUploads()).toBe(0);
  });
});

describe('a read through a connection that breaks', () => {
  needsServer();
  const bytes = bytesOfLength(5 * MEBIBYTE + 3);

  test.each([[[0]], [[1]], [[MEBIBYTE]], [[700_001, 1_300_003, 5, 0, 2 * MEBIBYTE]]])(
    'after %j bytes goes on at the byte reached: no gap, no byte twice',
    async (cuts) => {
      await store.write('a', [bytes]);
      for (const afterBytes of cuts) proxy.break({ when: isGet, times: 1, fault: { kind: 'cut-answer', afterBytes } });
      expect((await collect(shaky.stream('a'))).equals(bytes)).toBe(true);
      expect(proxy.seen.map(({ range }) => range).slice(1)).toHaveLength(cuts.length);
      if (cuts[0]! > 0) expect(proxy.seen.at(-1)!.range).toMatch(/^bytes=\d+-$/);
    },
  );

  test('before its first bytes again and again ends with an error', async () => {
    await store.write('a', [bytes]);
    proxy.break({ when: isGet, times: 100, fault: { kind: 'cut-answer', afterBytes: 0 } });
    await expect(collect(shaky.stream('a'))).rejects.toThrow(/: server must send 5242883 bytes, got 0 and /);
  });

  test('while the value is replaced is an error, never a mixture', async () => {
    await store.write('a', [bytes]);
    proxy.break({ when: isGet, times: 1, fault: { kind: 'cut-answer', afterBytes: MEBIBYTE } });
    const read = async (): Promise<void> => {
      let isFirst = true;
      for await (const piece of shaky.stream('a')) {
        if (isFirst && piece.length > 0) await store.write('a', [bytesOfLength(5 * MEBIBYTE)]);
        isFirst = false;
      }
    };
    await expect(read()).rejects.toMatchObject({ status: 412 });
  });

  test('is slow or answered 503 some times, and comes whole', async () => {
    await store.write('a', [bytes]);
    proxy.break({ when: isGet, times: 2, fault: SLOW_DOWN });
    proxy.break({ when: isGet, times: 1, fault: { kind: 'delay', delayMs: 300 } });
    expect(Buffer.from(await shaky.read('a')).equals(bytes)).toBe(true);
    expect(proxy.seen).toHaveLength(3);
  });
});

describe('a write through a connection that breaks', () => {
  needsServer();
  const large = bytesOfLength(20 * MEBIBYTE + 1);

  test('survives answers of 503, at every step', async () => {
    proxy.break({ when: ({ url }) => url.includes('uploads'), times: 1, fault: SLOW_DOWN });
    proxy.break({ when: isPart, times: 2, fault: SLOW_DOWN });
    proxy.break({ when: isCompletion, times: 1, fault: SLOW_DOWN });
    await shaky.write('artifacts/a/large', [large]);
    proxy.break({ when: isPut, times: 2, fault: SLOW_DOWN });
    await shaky.write('artifacts/a/small', [Buffer.from('small')]);
    expect(Buffer.from(await store.read('artifacts/a/large')).equals(large)).toBe(true);
    expect(Buffer.from(await store.read('artifacts/a/small')).toString()).toBe('small');
    expect(await openUploads()).toBe(0);
  });

  test('takes from its source as fast as the parts go up: three parts are held at most', async () => {
    let ahead = 0;
    const pieces = function* (): Generator<Uint8Array> {
      for (let taken = 0; taken < 80; taken += 1) {
        ahead = Math.max(ahead, Math.ceil(taken / 8) - proxy.seen.filter(isPart).length);
        yield bytesOfLength(MEBIBYTE);
      }
    };
    proxy.break({ when: isPart, times: 3, fault: { kind: 'delay', delayMs: 300 } });
    await shaky.write('a', pieces());
    expect(await store.size('a')).toBe(80 * MEBIBYTE);
    expect(ahead).toBeLessThanOrEqual(3);
  });

  test('survives an upload that is cut', async () => {
    proxy.break({ when: isPart, times: 2, fault: { kind: 'cut-upload', afterBytes: 3 * MEBIBYTE } });
    await shaky.write('a', [large]);
    expect(Buffer.from(await store.read('a')).equals(large)).toBe(true);
    expect(await openUploads()).toBe(0);
  });

  test('that is cut for good fails, leaves no upload behind and the value before in place', async () => {
    await store.write('a', [Buffer.from('before')]);
    proxy.break({ when: isPart, times: 1000, fault: { kind: 'cut-upload', afterBytes: 100_000 } });
    await expect(shaky.write('a', [large])).rejects.toThrow(/^s3:\/\/.*: server must take the request, got /);
    expect(Buffer.from(await store.read('a')).toString()).toBe('before');
    expect(await openUploads()).toBe(0);
  });

  test.each([
    ['artifacts/a/b', 5],
    ['artifacts/a/b', large.length],
    ['checkpoints/a/b', 5],
    ['checkpoints/a/b', large.length],
  ])('of %s, %i bytes, succeeds where the answer that it is done is lost', async (key, byteCount) => {
    const bytes = large.subarray(0, byteCount);
    const last = (seen: SeenRequest): boolean => isCompletion(seen) || (isPut(seen) && !isPart(seen));
    proxy.break({ when: last, times: 1, fault: { kind: 'lose-answer' } });
    await shaky.write(key, [bytes]);
    expect(proxy.seen.filter(last)).toHaveLength(2);
    expect(Buffer.from(await store.read(key)).equals(bytes)).toBe(true);
    expect(await openUploads()).toBe(0);
  });
});

describe('uploads that killed processes left', () => {
  needsServer();
  const leave = (key: string): Promise<unknown> =>
    s3.createMultipartUpload({ Bucket: server.bucket, Key: `${prefix}/${key}` });

  test('are aborted where they are old enough, below the prefix alone', async () => {
    await leave('artifacts/a');
    await leave('checkpoints/b');
    const beside = await s3.createMultipartUpload({ Bucket: server.bucket, Key: `beside-${prefix}` });
    expect(await store.abortLeftovers(60_000)).toBe(0);
    expect(await openUploads()).toBe(2);
    expect(await store.abortLeftovers(-60_000)).toBe(2);
    expect(await openUploads()).toBe(0);
    const all = await s3.listMultipartUploads({ Bucket: server.bucket });
    expect(all.Uploads?.map(({ UploadId }) => UploadId)).toContain(beside.UploadId);
  });

  test('below a folder that is removed go with it', async () => {
    await leave('checkpoints/b/c');
    await leave('artifacts/a');
    await store.removeFolder('checkpoints/b');
    expect(await openUploads()).toBe(1);
  });
});

describe('credentials', () => {
  needsServer();

  test.each([
    [
      'AWS_SECRET_ACCESS_KEY',
      'wrong-secret-key',
      /^InvalidConfigError: .* got SignatureDoesNotMatch \(.*; check the credentials$/,
    ],
    // AWS says InvalidAccessKeyId, versitygw a word of its own.
    ['AWS_ACCESS_KEY_ID', 'wrong-access-key', /^S3Error: .* got 404 XAdminUserNotFound /],
  ])('a wrong %s is told without any of them', async (name, value, message) => {
    const right = process.env[name]!;
    vi.stubEnv(name, value);
    try {
      const failed: Error[] = [];
      const keep = (error: Error): void => void failed.push(error);
      await store.write('a', [Buffer.from('x')]).catch(keep);
      await store.read('a').catch(keep);
      await store.list('a').catch(keep);
      await store.removeFolder('a').catch(keep);
      expect(failed).toHaveLength(4);
      for (const error of failed) {
        expect(String(error)).toMatch(message);
        const told = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error);
        for (const secret of [ACCESS_KEY, SECRET_KEY, value]) expect(told).not.toContain(secret);
      }
    } finally {
      vi.stubEnv(name, right);
    }
  });

  test('are in no error where the server cannot be reached', async () => {
    const gone = new S3Store(store.uri, { endpoint: 'http://127.0.0.1:9', pathStyle: true });
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
    const error = await gone.read('a').catch((failure: unknown) => failure);
    vi.stubEnv('AWS_MAX_ATTEMPTS', undefined);
    expect(String(error)).toMatch(/^S3Error: s3:\/\/.*\/a: server must take the request, got .*ECONNREFUSED/);
    for (const secret of [ACCESS_KEY, SECRET_KEY]) expect(inspect(error, { depth: 9 })).not.toContain(secret);
  });

  test('a bucket that is not there is the caller’s mistake', async () => {
    const wrong = new S3Store('s3://no-such-bucket/a');
    await expect(wrong.write('a', [Buffer.from('x')])).rejects.toThrow(InvalidConfigError);
    await expect(wrong.list('a')).rejects.toThrow(/got NoSuchBucket .*; create the bucket$/);
  });

  test('a server without conditional puts is refused with the remedy', async () => {
    proxy.break({ when: isPut, times: 1, fault: { kind: 'refuse', status: 501, code: 'NotImplemented' } });
    await expect(shaky.write('artifacts/a/b', [Buffer.from('x')])).rejects.toThrow(
      new InvalidConfigError(
        `s3://${server.bucket}/${prefix}/artifacts/a/b: server must take the request, got NotImplemented ` +
          '(made by the proxy); use a server with conditional puts and multipart uploads',
      ),
    );
    expect(proxy.seen).toHaveLength(1);
  });
});
