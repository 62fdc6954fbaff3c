// Downloads from S3 that go on where they broke.
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Bucket } from './s3-client.ts';
import { S3Error, answerOf, storeError } from './s3-errors.ts';

/** Bodies in a row that may break before one byte came. */
const MAX_BREAKS = 5;
const BREAK_DELAY_MS = 100;

/** The body of an answer, from some byte on. */
interface Body {
  pieces: AsyncIterable<Uint8Array> & { destroy(): void };
  etag: string | null;
  /** Bytes of the whole value, null where the server does not say. */
  byteCount: number | null;
}

/**
 * The value of a key, piece by piece. Where a body breaks off, it goes on from the byte reached, of the same version
 * alone, so there is neither a gap nor a byte twice.
 * @throws S3Error with code `ENOENT` where there is no such key
 */
export async function* download(bucket: S3Bucket, key: string): AsyncGenerator<Uint8Array> {
  const place = `s3://${bucket.name}/${key}`;
  const { pieces, etag, byteCount } = await openBody(bucket, key, 0, null);
  let body = pieces;
  let reached = 0;
  for (let breaks = 0; ;) {
    let trouble: unknown = null;
    const before = reached;
    try {
      for await (const piece of bytesOf(body, (error) => (trouble = error))) {
        reached += piece.byteLength;
        yield piece;
      }
    } finally {
      body.destroy();
    }
    if (reached === byteCount || (trouble === null && byteCount === null)) return;
    breaks = reached > before ? 1 : breaks + 1;
    if (breaks > MAX_BREAKS || etag === null) {
      const got = `${reached} and ${trouble === null ? 'the end' : storeError(place, trouble as Error).message}`;
      throw new S3Error(`${place}: server must send ${byteCount ?? 'all'} bytes, got ${got}`, 'IncompleteBody', null);
    }
    await sleep(BREAK_DELAY_MS * 2 ** (breaks - 1));
    body = (await openBody(bucket, key, reached, etag)).pieces;
  }
}

/** Pieces of a body to where it breaks. Only its own errors count: what the reader does at a yield is none of them. */
async function* bytesOf(body: AsyncIterable<Uint8Array>, broke: (error: unknown) => void): AsyncGenerator<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]();
  for (;;) {
    const next = await pieces.next().catch((error: unknown) => {
      broke(error);
      return null;
    });
    if (next === null || next.done === true) return;
    yield next.value;
  }
}

async function openBody({ s3, name }: S3Bucket, key: string, start: number, etag: string | null): Promise<Body> {
  const place = `s3://${name}/${key}`;
  const range = start === 0 ? {} : { Range: `bytes=${start}-` };
  const version = etag === null ? {} : { IfMatch: etag };
  const answer = await answerOf(place, s3.getObject({ Bucket: name, Key: key, ...range, ...version }));
  const pieces = answer.Body as unknown as Body['pieces'];
  if (start > 0 && !answer.ContentRange?.startsWith(`bytes ${start}-`)) {
    pieces.destroy();
    const got = answer.ContentRange ?? 'the whole value';
    throw new S3Error(`${place}: server must send the bytes from ${start}, got ${got}`, 'InvalidRange', null);
  }
  return { pieces, etag: answer.ETag ?? null, byteCount: answer.ContentLength ?? null };
}
