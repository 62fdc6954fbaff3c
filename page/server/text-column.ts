// Texts of a column in one piece of memory: bytes and where each ends, no object a row.

/** Bytes that a column begins with. */
const FIRST_BYTES = 1024;

/** Short texts by row, or none. */
export class TextColumn {
  #bytes = new Uint8Array(FIRST_BYTES);
  #used = 0;
  /** `[row]` where the row's text begins, and how long it is; 0 bytes long and at 0: none. */
  readonly #starts: Float64Array;
  readonly #lengths: Uint32Array;
  readonly #encoder = new TextEncoder();

  constructor(rowCount: number) {
    // Before the first text stands one byte, so that no text begins at 0.
    this.#used = 1;
    this.#starts = new Float64Array(rowCount);
    this.#lengths = new Uint32Array(rowCount);
  }

  set(row: number, text: string | null): void {
    if (text === null) return;
    const most = 3 * text.length;
    if (this.#used + most > this.#bytes.length) this.#grow(this.#used + most);
    const { written } = this.#encoder.encodeInto(text, this.#bytes.subarray(this.#used));
    this.#starts[row] = this.#used;
    this.#lengths[row] = written;
    this.#used += written;
  }

  at(row: number): string | null {
    const start = this.#starts[row]!;
    if (start === 0) return null;
    return Buffer.from(this.#bytes.buffer, start, this.#lengths[row]!).toString('utf8');
  }

  #grow(least: number): void {
    const bytes = new Uint8Array(Math.max(least, Math.ceil(1.5 * this.#bytes.length)));
    bytes.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = bytes;
  }
}
