// Uploads to S3, in parts where they are large.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DamagedArtifactError } from '../contracts/failures.ts';
import type { S3Bucket } from './s3-client.ts';
import { download } from './s3-download.ts';
import { S3Error, answerOf } from './s3-errors.ts';
import { abortUpload } from './s3-listing.ts';
import type { ByteChunks, WrittenFile } from './store.ts';

/** A value of up to one part is one request; larger ones go up in parts of this size, the last one shorter. */
export const PART_BYTES = 8 * 1024 * 1024;
/** What S3 takes at most. */
const MAX_PARTS = 10_000;
/** Parts on their way at a time; one more is being filled. */
const CONCURRENCY = 2;
const CONFLICT_ATTEMPTS = 5;
const CONFLICT_DELAY_MS = 200;

/** Where a value goes. */
export interface UploadTarget {
  bucket: S3Bucket;
  key: string;
  /** True where equal keys mean equal values: what is there is never replaced, and must be the same. */
  once: boolean;
}

/** A whole value of which the bytes are on the server or in this part. */
interface Value extends WrittenFile {
  /** `x-amz-checksum-sha256`: of the bytes, or of the parts' hashes with `-` and their number. */
  checksum: string;
}

/**
 * Streams a value to a key; memory is three parts. Readers see all of it or nothing, whatever breaks.
 * @throws DamagedArtifactError where `once` and the key holds another value
 */
export async function upload(target: UploadTarget, chunks: ByteChunks): Promise<WrittenFile> {
  const hash = createHash('sha256');
  const parts = partsOf(chunks, hash);
  try {
    const first = await parts.next();
    const second = first.done === true ? first : await parts.next();
    const start = first.done === true ? Buffer.alloc(0) : first.value;
    if (second.done === true) return await putWhole(target, start, hash.digest('hex'));
    const rest = async function* (): AsyncGenerator<Uint8Array> {
      yield start;
      yield second.value;
      yield* parts;
    };
    return await putParts(target, rest(), () => hash.digest('hex'));
  } finally {
    await parts.return(undefined);
  }
}

/** The chunks as parts. The bytes are copied: who gives them may use the memory again. */
async function* partsOf(chunks: ByteChunks, hash: { update(bytes: Uint8Array): unknown }): AsyncGenerator<Uint8Array> {
  let part = Buffer.alloc(0);
  let filled = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    for (let done = 0; done < chunk.byteLength;) {
      const taken = Math.min(chunk.byteLength - done, PART_BYTES - filled);
      if (filled + taken > part.length) part = grown(part, filled, filled + taken);
      part.set(chunk.subarray(done, done + taken), filled);
      filled += taken;
      done += taken;
      if (filled < PART_BYTES) continue;
      yield part;
      part = Buffer.alloc(0);
      filled = 0;
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}

function grown(part: Buffer, filled: number, needed: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafeSlow(Math.min(PART_BYTES, Math.max(2 * part.length, needed)));
  part.copy(larger, 0, 0, filled);
  return larger;
}

async function putWhole(target: UploadTarget, bytes: Uint8Array, sha256: string): Promise<WrittenFile> {
  const { bucket, key, once } = target;
  const checksum = Buffer.from(sha256, 'hex').toString('base64');
  const value = { sha256, byteCount: bytes.byteLength, checksum };
  return settle(target, value, () =>
    bucket.s3.putObject({
      Bucket: bucket.name,
      Key: key,
      Body: bytes,
      ChecksumSHA256: checksum,
      Metadata: { sha256 },
      ...(once ? { IfNoneMatch: '*' } : {}),
    }),
  );
}

/**
 * The hash of all is known at the end alone, so a value in parts has no metadata: its checksum covers the parts'
 * hashes.
 */
async function putParts(
  target: UploadTarget,
  parts: AsyncGenerator<Uint8Array>,
  digest: () => string,
): Promise<WrittenFile> {
  const { bucket, key, once } = target;
  const upload = { Bucket: bucket.name, Key: key };
  const place = `s3://${bucket.name}/${key}`;
  const begun = await answerOf(place, bucket.s3.createMultipartUpload({ ...upload, ChecksumAlgorithm: 'SHA256' }));
  const id = { ...upload, UploadId: begun.UploadId! };
  try {
    const { hashes, tags, byteCount } = await sendParts(bucket, id, parts);
    const whole = createHash('sha256').update(Buffer.concat(hashes)).digest('base64');
    const value = { sha256: digest(), byteCount, checksum: `${whole}-${hashes.length}` };
    const Parts = hashes.map((hash, index) => ({
      PartNumber: index + 1,
      ETag: tags[index]!,
      ChecksumSHA256: hash.toString('base64'),
    }));
    const condition = once ? { IfNoneMatch: '*' } : {};
    let completed = false;
    const written = await settle(target, value, async () => {
      const answer = await bucket.s3.completeMultipartUpload({ ...id, MultipartUpload: { Parts }, ...condition });
      completed = true;
      return answer;
    });
    if (!completed) await abortUpload(bucket, key, id.UploadId);
    return written;
  } catch (error) {
    // The source's error counts, or the server's first one; what is not aborted now is a leftover.
    await abortUpload(bucket, key, id.UploadId).catch(() => undefined);
    throw error;
  }
}

interface UploadId {
  Bucket: string;
  Key: string;
  UploadId: string;
}

/** Sends the parts, some at a time. After the first failure nothing more is taken from the source. */
async function sendParts(
  { s3 }: S3Bucket,
  id: UploadId,
  parts: AsyncGenerator<Uint8Array>,
): Promise<{ hashes: Buffer[]; tags: string[]; byteCount: number }> {
  const place = `s3://${id.Bucket}/${id.Key}`;
  const hashes: Buffer[] = [];
  const tags: string[] = [];
  const failures: unknown[] = [];
  const underWay = new Set<Promise<void>>();
  let byteCount = 0;
  const send = async (bytes: Uint8Array, index: number): Promise<void> => {
    const checksum = { ChecksumSHA256: hashes[index]!.toString('base64') };
    const request = s3.uploadPart({ ...id, PartNumber: index + 1, Body: bytes, ...checksum });
    tags[index] = (await answerOf(place, request)).ETag!;
  };
  try {
    for await (const bytes of parts) {
      if (hashes.length === MAX_PARTS)
        throw new RangeError(`${place}: value must have at most ${MAX_PARTS} parts of ${PART_BYTES} bytes, got more`);
      if (underWay.size === CONCURRENCY) await Promise.race(underWay);
      if (failures.length > 0) break;
      byteCount += bytes.byteLength;
      const index = hashes.push(createHash('sha256').update(bytes).digest()) - 1;
      const sent = send(bytes, index)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => underWay.delete(sent));
      underWay.add(sent);
    }
  } finally {
    // An upload that is aborted while parts are on their way may keep them.
    await Promise.all(underWay);
  }
  if (failures.length > 0) throw failures[0];
  return { hashes, tags, byteCount };
}

/**
 * Sends the request that makes a value visible. An answer may have been lost and the request repeated, or somebody else
 * may have been first: where the server refuses it for what is there, it is done if that is the same value.
 */
async function settle(target: UploadTarget, value: Value, request: () => Promise<unknown>): Promise<WrittenFile> {
  const { bucket, key, once } = target;
  const { sha256, byteCount } = value;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await answerOf(`s3://${bucket.name}/${key}`, request());
      return { sha256, byteCount };
    } catch (error) {
      if (!(error instanceof S3Error)) throw error;
      if (error.status === 412 || error.code === 'NoSuchUpload') {
        const found = await compare(target, value);
        if (found === 'same') return { sha256, byteCount };
        throw once && found !== null ? mismatch(target, value, found) : error;
      }
      // Two writers at the same moment: the server asks one of them to come again.
      if (error.status !== 409 || attempt === CONFLICT_ATTEMPTS) throw error;
      await sleep(CONFLICT_DELAY_MS * attempt);
    }
  }
}

/** What a key holds beside the value: `same`, the other side in words, or null where it holds nothing. */
async function compare({ bucket, key }: UploadTarget, value: Value): Promise<string | null> {
  const { s3, name } = bucket;
  const request = s3.headObject({ Bucket: name, Key: key, ChecksumMode: 'ENABLED' });
  const head = await answerOf(`s3://${name}/${key}`, request).catch((error: unknown) => {
    if (error instanceof S3Error && error.code === 'ENOENT') return null;
    throw error;
  });
  if (head === null) return null;
  const sameSize = head.ContentLength === value.byteCount;
  // Parts of another size have another checksum, so unequal ones prove nothing.
  if (sameSize && head.ChecksumSHA256 === value.checksum) return 'same';
  const found = head.Metadata?.['sha256'] ?? (sameSize ? await hashOf(bucket, key) : null);
  if (sameSize && found === value.sha256) return 'same';
  return described(found, head.ContentLength ?? 0);
}

async function hashOf(bucket: S3Bucket, key: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of download(bucket, key)) hash.update(piece);
  return hash.digest('hex');
}

function described(sha256: string | null, byteCount: number): string {
  return `${sha256 === null ? 'another value' : `sha256 ${sha256.slice(0, 12)}…`} of ${byteCount} bytes`;
}

function mismatch({ bucket, key }: UploadTarget, { sha256, byteCount }: Value, found: string): DamagedArtifactError {
  const wanted = described(sha256, byteCount);
  const [, uri = '', name = ''] = /(artifacts\/[^/]+\/[^/]+)\/(.+)$/.exec(key) ?? [];
  return new DamagedArtifactError(
    `s3://${bucket.name}/${key}: must hold ${wanted}, got ${found}; tive run --repair sets the artifact aside and makes it again`,
    uri === '' ? null : { uri, name, expected: sha256, found: null },
  );
}
