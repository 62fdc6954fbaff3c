// Frames of the torch engine's pipes: a JSON head and a body of bytes, each behind its length.
import { constants } from 'node:buffer';
import { isJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';

/** One message, in either direction. */
export interface Frame {
  head: JsonObject;
  /** A safetensors file, or nothing; it begins at a multiple of eight. */
  body: Uint8Array;
}

/** Most bytes that a frame may announce. */
export interface FrameLimits {
  headBytes: number;
  bodyBytes: number;
}

/** A head as the contract has it; a body that an adapter of billions of parameters with both its moments fits in. */
export const FRAME_LIMITS: FrameLimits = {
  headBytes: 64 * 1024 ** 2,
  bodyBytes: Math.min(constants.MAX_LENGTH, 64 * 1024 ** 3),
};

/**
 * Bytes of a frame, `u32 length, head, u64 length, body` (little-endian), in parts: the body is not copied.
 * @throws RangeError for a head or body above the limits
 */
export function encodeFrame(head: JsonObject, body: readonly Uint8Array[], limits = FRAME_LIMITS): Uint8Array[] {
  const json = Buffer.from(JSON.stringify(head));
  const bodyBytes = body.reduce((sum, part) => sum + part.length, 0);
  requireAtMost(json.length, limits.headBytes, 'head');
  requireAtMost(bodyBytes, limits.bodyBytes, 'body');
  const start = Buffer.alloc(4 + json.length + 8);
  start.writeUInt32LE(json.length, 0);
  start.set(json, 4);
  start.writeBigUInt64LE(BigInt(bodyBytes), 4 + json.length);
  return [start, ...body];
}

/**
 * Frames of a stream of bytes, however it is cut; ends where the stream ends between two frames.
 * @throws RangeError for a length above the limits, before anything of it is allocated
 * @throws Error for a head that is no JSON object, or a stream that ends within a frame
 */
export async function* readFrames(chunks: AsyncIterable<Uint8Array>, limits = FRAME_LIMITS): AsyncGenerator<Frame> {
  const source = new ByteSource(chunks);
  for (;;) {
    const headLength = await source.take(4, 'length of its head', true);
    if (headLength === null) return;
    const headBytes = headLength.readUInt32LE(0);
    requireAtMost(headBytes, limits.headBytes, 'head');
    const head = parseHead((await source.take(headBytes, 'head')).toString('utf8'));
    const bodyBytes = Number((await source.take(8, 'length of its body')).readBigUInt64LE(0));
    requireAtMost(bodyBytes, limits.bodyBytes, 'body');
    yield { head, body: await source.take(bodyBytes, 'body') };
  }
}

function requireAtMost(bytes: number, limit: number, part: string): void {
  if (bytes > limit) throw new RangeError(`torch frame: ${part} must have at most ${limit} bytes, got ${bytes}`);
}

function parseHead(text: string): JsonObject {
  let head: unknown;
  try {
    head = JSON.parse(text);
  } catch {
    head = null;
  }
  if (isJsonObject(head)) return head;
  throw new Error(`torch frame: head must be a JSON object, got ${JSON.stringify(text.slice(0, 80))}`);
}

/** Takes whole pieces out of a stream. */
class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #left: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  take(length: number, what: string): Promise<Buffer>;
  take(length: number, what: string, mayEnd: true): Promise<Buffer | null>;
  /** The next bytes in a buffer of their own; null where the stream may end and has. */
  async take(length: number, what: string, mayEnd = false): Promise<Buffer | null> {
    // Not out of the shared pool: a buffer of its own is aligned, and is freed with the tensors that lie in it.
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length;) {
      if (this.#left.length === 0) {
        const { value, done: isEnd } = await this.#chunks.next();
        if (isEnd === true && mayEnd && done === 0) return null;
        if (isEnd === true)
          throw new Error(`torch frame: ${what} must have ${length} bytes, got ${done} and the end of the stream`);
        this.#left = value;
        continue;
      }
      const part = this.#left.subarray(0, length - done);
      bytes.set(part, done);
      done += part.length;
      this.#left = this.#left.subarray(part.length);
    }
    return bytes;
  }
}
