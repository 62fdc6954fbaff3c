// A run's rows as they are in the dataset now: turns, and pictures drawn anew.
import sharp from 'sharp';
import { openRows } from '../../client/runs/show-row.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import type { Turn } from '../../dataset/forms/conversation.ts';
import { decodeImage } from '../../dataset/images/image-decode.ts';
import type { ParsedRow } from '../../dataset/rows/parse-row.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { keyOfImage } from '../../dataset/rows/row-reader.ts';
import type { ReadRow, RowReader } from '../../dataset/rows/row-reader.ts';
import { RefusedError } from './problems.ts';
import type { RowTable } from './row-table.ts';

/** Turns of a row; none where it cannot be read. */
export type ReadTurns = (row: number) => Promise<readonly Turn[]>;

/** Edges of pictures in pixels. */
const LEAST_EDGE = 16;
export const MOST_EDGE = 1024;

/** Pictures that are decoded at a time: one may take half a gigabyte. */
const MOST_DECODING = 2;

/** Reads rows of a table by their places; files stay open until it is closed. */
export class RowReading {
  readonly #table: RowTable;
  /** Null where the dataset's files are not on this machine. */
  readonly #reader: RowReader | null;

  private constructor(table: RowTable, reader: RowReader | null) {
    this.#table = table;
    this.#reader = reader;
  }

  static async open(result: RunResult, table: RowTable): Promise<RowReading> {
    return new RowReading(table, await openRows(result).catch(() => null));
  }

  async close(): Promise<void> {
    await this.#reader?.close();
  }

  /** Null where the row cannot be used, or its file cannot be read any more. */
  async row(index: number): Promise<ParsedRow | null> {
    const read = await this.#at(index).catch(() => null);
    return read === null || isRejection(read.row) ? null : read.row;
  }

  readonly turns: ReadTurns = async (index) => (await this.row(index))?.turns ?? [];

  /**
   * A picture of a row as WebP: decoded by the project's decoder and drawn anew, so that no byte of the dataset's file
   * reaches the page.
   * @param edge longest edge, in pixels; a smaller picture keeps its size
   * @throws RefusedError where there is none, or none that can be used
   */
  async picture(index: number, picture: number, edge: number): Promise<Uint8Array<ArrayBuffer>> {
    const { row, source } = await this.#at(index);
    const name = isRejection(row) ? undefined : row.images[picture];
    const none = (why: string): RefusedError =>
      new RefusedError(404, `row ${index.toLocaleString('en')}: picture ${picture} must be readable, got ${why}`);
    if (name === undefined) throw none('none');
    return decoding(async () => {
      const key = keyOfImage(this.#placeOf(index), source, name, picture);
      const bytes = await this.#reader!.picture(key).catch(() => null);
      const decoded = bytes === null ? null : await decodeImage(bytes);
      if (decoded === null) throw none('no file');
      if (isRejection(decoded)) throw none(decoded.reason);
      const { data, width, height } = decoded;
      const longest = Math.min(MOST_EDGE, Math.max(LEAST_EDGE, edge));
      return new Uint8Array(
        await sharp(data, { raw: { width, height, channels: 3 } })
          .resize({ width: longest, height: longest, fit: 'inside', withoutEnlargement: true })
          .webp()
          .toBuffer(),
      );
    });
  }

  async #at(index: number): Promise<ReadRow> {
    if (this.#reader !== null) return this.#reader.at(this.#placeOf(index));
    throw new RefusedError(404, 'rows: the files of the dataset must be on this machine, got none of them');
  }

  #placeOf(index: number): { sourceIndex: number; byteStart: number; byteEnd: number } {
    const { sourceIndex, byteStart, byteLength } = this.#table;
    const start = byteStart[index]!;
    return { sourceIndex: sourceIndex[index]!, byteStart: start, byteEnd: start + byteLength[index]! };
  }
}

let decodingCount = 0;
const waiting: (() => void)[] = [];

/** Does the work when few enough pictures are being decoded. */
async function decoding<Result>(work: () => Promise<Result>): Promise<Result> {
  if (decodingCount >= MOST_DECODING) await new Promise<void>((resolve) => waiting.push(resolve));
  else decodingCount += 1;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) decodingCount -= 1;
    else next();
  }
}
