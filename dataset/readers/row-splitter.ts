// Bytes of JSON, an array or lines, as rows with their places, without parsing them.
import { InvalidDatasetError } from '../../contracts/failures.ts';

/** Largest row that is held in memory. */
export const MAX_ROW_BYTES = 16 * 1024 * 1024;

/** One row's bytes and where they stand: the half-open range [byteStart, byteEnd) of the file. */
export interface SourceRow {
  byteStart: number;
  byteEnd: number;
  /** 1-based line of JSONL, null in an array. */
  line: number | null;
  /** Null where the row is larger than {@link MAX_ROW_BYTES}. */
  bytes: Uint8Array | null;
}

const OPEN = new Uint8Array(256);
OPEN[0x5b] = OPEN[0x7b] = 1;
const CLOSE = new Uint8Array(256);
CLOSE[0x5d] = CLOSE[0x7d] = 1;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const NEWLINE = 0x0a;

/** Bytes that are awaited before the form is told, so that chunk borders do not matter; a Git LFS pointer has fewer. */
const HEAD_BYTES = 1024;

/**
 * Splits a JSON array or JSON lines into rows, streaming: depth, in-string and escape are all that is tracked, so the
 * rows' own JSON is parsed later, row by row. Memory is one row, whatever the file's size. A byte order mark is
 * skipped.
 *
 * @param name the file's name for messages
 * @param form `auto` tells it by the first byte
 * @throws InvalidDatasetError for a file that is no such form, or an array that is not closed or not the file's end
 */
export async function* splitRows(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  form: 'auto' | 'lines' = 'auto',
): AsyncGenerator<SourceRow> {
  let splitter = form === 'lines' ? lineSplitter(0, 0) : null;
  let head: Uint8Array = new Uint8Array(0);
  for await (const chunk of chunks) {
    if (splitter !== null) {
      yield* splitter.push(chunk);
      continue;
    }
    head = concat(head, chunk);
    const first = firstByte(head);
    if (head.length < (first === null ? MAX_ROW_BYTES : first + HEAD_BYTES)) continue;
    splitter = createSplitter(head, first, name);
    yield* splitter.push(head);
  }
  if (splitter === null) {
    splitter = createSplitter(head, firstByte(head), name);
    yield* splitter.push(head);
  }
  yield* splitter.end();
}

interface Splitter {
  push(chunk: Uint8Array): Generator<SourceRow>;
  end(): Generator<SourceRow>;
}

/** Place of the first byte that is neither white space nor a byte order mark, or null. */
function firstByte(bytes: Uint8Array): number | null {
  let place = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (place < bytes.length && isSpace(bytes[place]!)) place += 1;
  return place < bytes.length ? place : null;
}

/** Files that hold others, by their first bytes. */
const COMPRESSED: readonly [magic: string, name: string][] = [
  ['\x1f\x8b', 'gzip'],
  ['\x28\xb5\x2f\xfd', 'zstd'],
  ['PK\x03\x04', 'zip'],
  ['\xfd7zXZ', 'xz'],
  ['BZh', 'bzip2'],
];

function createSplitter(head: Uint8Array, first: number | null, name: string): Splitter {
  if (first !== null && head[first] === 0x5b) return arraySplitter(first + 1, name);
  if (first !== null && head[first] === 0x7b)
    return lineSplitter(first, head.subarray(0, first).filter((byte) => byte === NEWLINE).length);
  const text = Buffer.from(head.subarray(first ?? 0, (first ?? 0) + 64)).toString('utf8');
  if (text.startsWith('version https://git-lfs')) {
    throw new InvalidDatasetError(
      `${name}: must hold data, got a Git LFS pointer of ${head.length} bytes; run git lfs pull`,
    );
  }
  const packed = COMPRESSED.find(([magic]) => Buffer.from(head).toString('latin1').startsWith(magic));
  if (packed !== undefined)
    throw new InvalidDatasetError(`${name}: must be JSON, Parquet or tar, got a ${packed[1]} file; unpack it first`);
  const page = text.startsWith('<') ? '; the download is probably an error page' : '';
  throw new InvalidDatasetError(
    `${name}: must start with "[" or "{", got ${text === '' ? 'an empty file' : JSON.stringify(text.slice(0, 4))}${page}`,
  );
}

/** Collects the bytes of the row that is open, over chunk borders. */
class RowBytes {
  #parts: Uint8Array[] = [];
  #length = 0;

  add(part: Uint8Array): void {
    this.#length += part.length;
    // Beyond the limit only the length counts; the parts are let go.
    if (this.#length > MAX_ROW_BYTES) this.#parts = [];
    else this.#parts.push(part.slice());
  }

  take(last: Uint8Array): Uint8Array | null {
    const length = this.#length + last.length;
    const parts = this.#parts;
    this.#parts = [];
    this.#length = 0;
    if (length > MAX_ROW_BYTES) return null;
    return parts.length === 0 ? last : Buffer.concat([...parts, last]);
  }
}

/** Rows of an array: values at depth one, between commas. */
function arraySplitter(bodyStart: number, name: string): Splitter {
  let offset = 0;
  let rowCount = 0;
  let depth = 0;
  let inString = false;
  let escaped = false;
  let closed = false;
  let rowStart = -1;
  let lastByte = -1;
  const open = new RowBytes();
  const finish = function* (chunk: Uint8Array, from: number, place: number): Generator<SourceRow> {
    const bytes = open.take(chunk.subarray(from, place));
    const trimmed = bytes === null ? null : trimEnd(bytes);
    const byteEnd = trimmed === null ? lastByte + 1 : rowStart + trimmed.length;
    yield { byteStart: rowStart, byteEnd, line: null, bytes: trimmed };
    rowCount += 1;
    rowStart = -1;
  };
  return {
    *push(chunk) {
      let from = 0;
      for (let place = offset === 0 ? bodyStart : 0; place < chunk.length; place += 1) {
        const byte = chunk[place]!;
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === BACKSLASH) escaped = true;
          else if (byte === QUOTE) inString = false;
          lastByte = offset + place;
          continue;
        }
        if (isSpace(byte)) continue;
        if (closed) throw notTheEnd(name, offset + place, chunk.subarray(place, place + 1));
        if (depth === 0 && (byte === COMMA || byte === 0x5d)) {
          if (rowStart >= 0) yield* finish(chunk, from, place);
          if (byte === 0x5d) closed = true;
          continue;
        }
        if (rowStart < 0) {
          rowStart = offset + place;
          from = place;
        }
        lastByte = offset + place;
        if (byte === QUOTE) inString = true;
        else if (OPEN[byte] === 1) depth += 1;
        else if (CLOSE[byte] === 1 && depth > 0) depth -= 1;
      }
      if (rowStart >= 0) open.add(chunk.subarray(from));
      offset += chunk.length;
    },
    *end() {
      if (closed) return;
      throw new InvalidDatasetError(
        `${name} byte ${offset.toLocaleString('en')}: the array must be closed, got end of file after ${rowCount.toLocaleString('en')} rows; download it again`,
      );
    },
  };
}

function notTheEnd(name: string, byte: number, text: Uint8Array): InvalidDatasetError {
  return new InvalidDatasetError(
    `${name} byte ${byte.toLocaleString('en')}: the array must be all of the file, got ${JSON.stringify(Buffer.from(text).toString('latin1'))} after its end; give several arrays as several files`,
  );
}

/** Rows of JSON lines; blank lines are skipped, but counted. */
function lineSplitter(bodyStart: number, linesBefore: number): Splitter {
  let offset = 0;
  let line = linesBefore;
  let lineStart = bodyStart;
  const open = new RowBytes();
  const finish = function* (bytes: Uint8Array | null, byteEnd: number): Generator<SourceRow> {
    line += 1;
    if (bytes === null) yield { byteStart: lineStart, byteEnd, line, bytes };
    else {
      const start = bytes.findIndex((byte) => !isSpace(byte));
      if (start < 0) return;
      const trimmed = trimEnd(bytes.subarray(start));
      yield { byteStart: lineStart + start, byteEnd: lineStart + start + trimmed.length, line, bytes: trimmed };
    }
  };
  return {
    *push(chunk) {
      let from = offset === 0 ? bodyStart : 0;
      for (let place = chunk.indexOf(NEWLINE, from); place >= 0; place = chunk.indexOf(NEWLINE, from)) {
        yield* finish(open.take(chunk.subarray(from, place)), offset + place);
        from = place + 1;
        lineStart = offset + from;
      }
      open.add(chunk.subarray(from));
      offset += chunk.length;
    },
    *end() {
      yield* finish(open.take(new Uint8Array(0)), offset);
    },
  };
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === NEWLINE || byte === 0x0d || byte === 0x09;
}

function trimEnd(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && isSpace(bytes[end - 1]!)) end -= 1;
  return bytes.subarray(0, end);
}

function concat(left: Uint8Array, right: Uint8Array): Uint8Array {
  return left.length === 0 ? right : Buffer.concat([left, right]);
}
