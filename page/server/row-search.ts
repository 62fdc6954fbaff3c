// Rows whose texts contain what is looked for: read in chunks, so long as an answer may take, and remembered.
import type { ReadTurns } from './row-reading.ts';

/** Rows that are read at the same time. */
const CHUNK_ROWS = 64;

const [UNREAD, WITHOUT, WITH] = [0, 1, 2];

/** A search for one text in the rows of a table. */
export class RowSearch {
  readonly text: string;
  readonly #wanted: string;
  /** `[row]` what is known of each row. */
  readonly #known: Uint8Array;
  readonly #read: ReadTurns;

  constructor(text: string, rowCount: number, read: ReadTurns) {
    this.text = text;
    this.#wanted = folded(text);
    this.#known = new Uint8Array(rowCount);
    this.#read = read;
  }

  /**
   * Reads rows that are wanted and not read yet, until the time is over, one chunk at least; what is found stays known.
   * @param wanted `[row]` 1 for rows that other conditions want; 0 where this one is known not to hold, or not known
   * @returns whether rows are left
   */
  async narrow(wanted: Uint8Array, deadlineMs: number): Promise<boolean> {
    let chunk: number[] = [];
    for (let row = 0; row < wanted.length; row += 1) {
      if (wanted[row] === 1 && this.#known[row] === UNREAD) chunk.push(row);
      if (chunk.length < CHUNK_ROWS) continue;
      await this.#readChunk(chunk);
      chunk = [];
      if (Date.now() >= deadlineMs) break;
    }
    await this.#readChunk(chunk);
    let isPartial = false;
    for (let row = 0; row < wanted.length; row += 1) {
      if (wanted[row] !== 1 || this.#known[row] === WITH) continue;
      if (this.#known[row] === UNREAD) isPartial = true;
      wanted[row] = 0;
    }
    return isPartial;
  }

  async #readChunk(rows: readonly number[]): Promise<void> {
    await Promise.all(
      rows.map(async (row) => {
        const turns = await this.#read(row);
        const isThere = turns.some(({ value }) => folded(value).includes(this.#wanted));
        this.#known[row] = isThere ? WITH! : WITHOUT!;
      }),
    );
  }
}

function folded(text: string): string {
  return text.normalize('NFC').toLowerCase();
}
