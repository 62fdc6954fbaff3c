import { describe, expect, test } from 'vitest';
import { encodeFrame, readFrames } from '../../../model/torch/frames.ts';
import type { Frame } from '../../../model/torch/frames.ts';

const bytesOf = (...parts: Uint8Array[]): Buffer => Buffer.concat(parts);
const BODY = Buffer.from([1, 2, 3, 4, 5]);

// `u32 length of head, head, u64 length of body, body`, written by hand.
const HEAD = Buffer.from('{"id":0,"call":"é"}');
const BY_HAND = bytesOf(Buffer.from([HEAD.length, 0, 0, 0]), HEAD, Buffer.from([5, 0, 0, 0, 0, 0, 0, 0]), BODY);

async function framesOf(chunks: readonly Uint8Array[], limits?: { headBytes: number; bodyBytes: number }) {
  const frames: Frame[] = [];
  const stream = (async function* () {
    yield* chunks;
  })();
  for await (const frame of readFrames(stream, limits)) frames.push(frame);
  return frames;
}

describe('a frame', () => {
  test('is the bytes of the contract', () => {
    expect(bytesOf(...encodeFrame({ id: 0, call: 'é' }, [BODY]))).toEqual(BY_HAND);
  });

  test('keeps the parts of its body where they lie', () => {
    const part = Float32Array.of(1, 2);
    const [, ...body] = encodeFrame({}, [new Uint8Array(part.buffer)]);
    expect(body[0]!.buffer).toBe(part.buffer);
  });

  test('is read whole however the stream is cut', async () => {
    const stream = bytesOf(BY_HAND, ...encodeFrame({ id: 1 }, []), BY_HAND);
    const expected = [
      { head: { id: 0, call: 'é' }, body: BODY },
      { head: { id: 1 }, body: Buffer.alloc(0) },
      { head: { id: 0, call: 'é' }, body: BODY },
    ];
    for (let cut = 0; cut <= stream.length; cut += 1)
      expect(await framesOf([stream.subarray(0, cut), stream.subarray(cut)])).toEqual(expected);
    expect(await framesOf(Array.from(stream, (byte) => Uint8Array.of(byte)))).toEqual(expected);
  });

  test('has a body that begins aligned', async () => {
    for (const { body } of await framesOf([BY_HAND, BY_HAND])) expect(body.byteOffset % 8).toBe(0);
  });
});

describe('a stream', () => {
  test('that ends between frames has no more of them', async () => {
    expect(await framesOf([])).toEqual([]);
    expect(await framesOf([BY_HAND])).toHaveLength(1);
  });

  test('that ends within a frame is refused, at every byte', async () => {
    for (let end = 1; end < BY_HAND.length; end += 1)
      await expect(framesOf([BY_HAND.subarray(0, end)])).rejects.toThrow(
        /^torch frame: .* must have \d+ bytes, got \d+ and the end of the stream$/,
      );
  });

  test('with a length above the limit is refused before that is allocated', async () => {
    const huge = Buffer.alloc(4, 0xff);
    await expect(framesOf([huge])).rejects.toThrow(
      'torch frame: head must have at most 67108864 bytes, got 4294967295',
    );
    const limits = { headBytes: 100, bodyBytes: 4 };
    await expect(framesOf([BY_HAND], limits)).rejects.toThrow('torch frame: body must have at most 4 bytes, got 5');
    expect(() => encodeFrame({}, [BODY], limits)).toThrow('torch frame: body must have at most 4 bytes, got 5');
  });

  test('with a head that is no JSON object is refused', async () => {
    for (const text of ['[1]', 'null', '{"id":', 'Loading weights'])
      await expect(framesOf([Buffer.from([text.length, 0, 0, 0]), Buffer.from(text)])).rejects.toThrow(
        `torch frame: head must be a JSON object, got ${JSON.stringify(text)}`,
      );
  });
});
