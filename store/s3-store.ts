// The store in an S3 bucket.
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidConfigError } from '../contracts/failures.ts';
import { isKey, keyParts } from './keys.ts';
import { bring, cacheOf, removeOthers } from './s3-cache.ts';
import { connectS3, parseS3Uri, s3Settings } from './s3-client.ts';
import type { S3Bucket, S3Settings } from './s3-client.ts';
import { download } from './s3-download.ts';
import { S3Error, answerOf } from './s3-errors.ts';
import { abortUpload, listUploads, listValues, removeValues } from './s3-listing.ts';
import type { ListedValue, OpenUpload } from './s3-listing.ts';
import { upload } from './s3-upload.ts';
import type { ByteChunks, OpenWrite, Store, StoredFile, WrittenFile } from './store.ts';

/** An upload that is older belongs to nobody any more. */
const LEFTOVER_MS = 7 * 24 * 60 * 60 * 1000;

const ABORT_ATTEMPTS = 5;
const ABORT_DELAY_MS = 100;

/** Values that are brought onto this machine at a time. */
const CONCURRENT_VALUES = 16;

/**
 * A store in a bucket, `s3://bucket/prefix`, of AWS or of another vendor. Values appear whole when their request or
 * their upload is complete. What lies below `artifacts/` is determined by its key, so it is put if nothing is there,
 * and what is there must be the same.
 *
 * Credentials, region and profile are found by the SDK's own chain; the address holds none of them.
 */
export class S3Store implements Store {
  readonly uri: string;
  readonly #name: string;
  readonly #prefix: string;
  readonly #settings: S3Settings;
  readonly #cache: string;
  #bucket: Promise<S3Bucket> | null = null;
  #swept = false;

  /** @throws InvalidConfigError for an address of another form */
  constructor(uri: string, settings: S3Settings = s3Settings()) {
    const { bucket, prefix } = parseS3Uri(uri);
    this.uri = uri;
    this.#name = bucket;
    this.#prefix = prefix;
    this.#settings = settings;
    this.#cache = cacheOf(`${bucket}/${prefix}`, settings);
  }

  async size(key: string): Promise<number | null> {
    const Key = this.#key(key);
    const { s3, name } = await this.#connect();
    try {
      return (await answerOf(`s3://${name}/${Key}`, s3.headObject({ Bucket: name, Key }))).ContentLength ?? 0;
    } catch (error) {
      if (error instanceof S3Error && error.code === 'ENOENT') return null;
      throw error;
    }
  }

  async read(key: string): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.stream(key)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  stream(key: string): AsyncIterable<Uint8Array> {
    return this.#download(this.#key(key));
  }

  async *#download(key: string): AsyncGenerator<Uint8Array> {
    yield* download(await this.#connect(), key);
  }

  async write(key: string, chunks: ByteChunks): Promise<WrittenFile> {
    const target = { key: this.#key(key), once: key.startsWith('artifacts/') };
    return upload({ ...target, bucket: await this.#connect() }, chunks);
  }

  async list(folder: string): Promise<string[]> {
    const values = await this.#values(folder);
    return values.map(({ key }) => key.slice(this.#prefix.length)).sort();
  }

  async entries(folder: string): Promise<StoredFile[]> {
    const values = await this.#values(folder);
    const entries = values.map((value) => ({ ...value, key: value.key.slice(this.#prefix.length) }));
    return entries.sort((left, right) => (left.key < right.key ? -1 : 1));
  }

  async openWrites(folder: string): Promise<OpenWrite[]> {
    const uploads = await listUploads(await this.#connect(), `${this.#key(folder)}/`).catch(refused);
    return uploads.map(({ key, begunMs }) => ({ key: key.slice(this.#prefix.length), begunMs }));
  }

  /** Best effort: who may not list uploads, or has a server that cannot, can do everything else. */
  async endWrites(folder: string, begunBeforeMs: number = Infinity): Promise<void> {
    await this.#abort(`${this.#key(folder)}/`, begunBeforeMs).catch(refused);
  }

  /** Uploads below the folder end too; the first time, so do leftovers anywhere in the store. */
  async removeFolder(folder: string): Promise<void> {
    const prefix = `${this.#key(folder)}/`;
    const bucket = await this.#connect();
    await this.endWrites(folder);
    await this.#sweepOnce();
    const values = await listValues(bucket, prefix);
    await removeValues(
      bucket,
      values.map(({ key }) => key),
    );
    await rm(join(this.#cache, ...keyParts(folder)), { recursive: true, force: true });
  }

  /** A bucket has no end that it tells of. */
  freeBytes(): Promise<null> {
    return Promise.resolve(null);
  }

  async localFolder(folder: string): Promise<string> {
    const path = join(this.#cache, ...keyParts(folder));
    await mkdir(path, { recursive: true, mode: 0o700 });
    const bucket = await this.#connect();
    const values = await this.#values(folder);
    const bringNext = async (left: Iterator<ListedValue>): Promise<void> => {
      for (let next = left.next(); next.done !== true; next = left.next())
        await bring(bucket, next.value, this.#cache, next.value.key.slice(this.#prefix.length));
    };
    const left = values.values();
    await Promise.all(Array.from({ length: CONCURRENT_VALUES }, () => bringNext(left)));
    await removeOthers(
      path,
      new Set(values.map(({ key }) => join(this.#cache, ...keyParts(key.slice(this.#prefix.length))))),
    );
    return path;
  }

  async localFile(key: string): Promise<string> {
    const full = this.#key(key);
    const bucket = await this.#connect();
    const path = join(this.#cache, ...keyParts(key));
    const value = (await listValues(bucket, full)).find((listed) => listed.key === full);
    if (value === undefined) {
      await rm(path, { force: true });
      throw new S3Error(`s3://${bucket.name}/${full}: value must exist, got none`, 'ENOENT', null);
    }
    await bring(bucket, value, this.#cache, key);
    return path;
  }

  async dropCopy(key: string): Promise<boolean> {
    const path = join(this.#cache, ...keyParts(key));
    const isThere = (await stat(path).catch(() => null)) !== null;
    await rm(path, { force: true });
    return isThere;
  }

  /** By way of this machine: no request copies a value of any size. */
  async moveFolder(folder: string, to: string): Promise<void> {
    for (const key of await this.list(folder)) await this.write(to + key.slice(folder.length), this.stream(key));
    await this.removeFolder(folder);
  }

  /** Aborts uploads in the store that began longer ago: what killed processes left. @returns how many */
  abortLeftovers(olderThanMs: number = LEFTOVER_MS): Promise<number> {
    return this.#abort(this.#prefix, Date.now() - olderThanMs);
  }

  async #sweepOnce(): Promise<void> {
    if (this.#swept) return;
    this.#swept = true;
    await this.abortLeftovers().catch(refused);
  }

  /** A part that is on its way may outlive one abort, so what is still listed is aborted again. */
  async #abort(prefix: string, begunBeforeMs: number): Promise<number> {
    const bucket = await this.#connect();
    const listOld = async (): Promise<OpenUpload[]> =>
      (await listUploads(bucket, prefix)).filter(({ begunMs }) => begunMs <= begunBeforeMs);
    const found = await listOld();
    for (let left = found, attempt = 0; left.length > 0 && attempt < ABORT_ATTEMPTS; attempt++) {
      if (attempt > 0) await sleep(ABORT_DELAY_MS);
      for (const { key, id } of left) await abortUpload(bucket, key, id);
      left = await listOld();
    }
    return found.length;
  }

  /**
   * Values of the store below a folder. Names that are no keys, such as a console's folder marks, are not of the store.
   */
  async #values(folder: string): Promise<ListedValue[]> {
    const prefix = `${this.#key(folder)}/`;
    const values = await listValues(await this.#connect(), prefix);
    return values.filter(({ key }) => isKey(key.slice(this.#prefix.length)));
  }

  #key(key: string): string {
    return this.#prefix + keyParts(key).join('/');
  }

  #connect(): Promise<S3Bucket> {
    this.#bucket ??= connectS3(this.#settings).then((s3) => ({ s3, name: this.#name }));
    return this.#bucket;
  }
}

/** What the server refuses to tell about uploads is taken as none. */
function refused(error: unknown): [] {
  if (error instanceof InvalidConfigError) return [];
  throw error;
}
