// Rows of a dataset by their content, to join tables that number their rows otherwise.
import type { ArtifactReference } from '../contracts/references.ts';
import type { Store } from '../store/store.ts';
import { HASH_BYTES } from './hash-column.ts';
import { usableRows } from './rows.ts';

const NONE = 0xffffffff;

/** The usable rows of a dataset by content: 50 bytes a row. Equal contents are told apart by their order. */
export class RowLookup {
  readonly #hashes: Uint8Array;
  readonly #rowIndex: Uint32Array;
  readonly #taskIndex: Uint32Array;
  readonly #tasks: string[];
  /** First row of each key, and the next one with the same key behind every row. */
  readonly #first = new Map<number, number>();
  readonly #next: Uint32Array;

  private constructor(hashes: Uint8Array, rowIndex: Uint32Array, taskIndex: Uint32Array, tasks: string[]) {
    this.#hashes = hashes;
    this.#rowIndex = rowIndex;
    this.#taskIndex = taskIndex;
    this.#tasks = tasks;
    this.#next = new Uint32Array(rowIndex.length);
    for (let position = rowIndex.length - 1; position >= 0; position -= 1) {
      const key = keyOf(hashes, position * HASH_BYTES);
      this.#next[position] = this.#first.get(key) ?? NONE;
      this.#first.set(key, position);
    }
  }

  static async read(store: Store, rows: ArtifactReference): Promise<RowLookup> {
    const hashes = new Uint8Array(rows.rowCount * HASH_BYTES);
    const rowIndex = new Uint32Array(rows.rowCount);
    const taskIndex = new Uint32Array(rows.rowCount);
    const tasks = new Map<string, number>();
    let count = 0;
    for await (const row of usableRows(store, rows)) {
      hashes.set(row.contentHash, count * HASH_BYTES);
      rowIndex[count] = row.rowIndex;
      const task = tasks.get(row.task) ?? tasks.size;
      tasks.set(row.task, task);
      taskIndex[count] = task;
      count += 1;
    }
    return new RowLookup(
      hashes.subarray(0, count * HASH_BYTES),
      rowIndex.subarray(0, count),
      taskIndex.subarray(0, count),
      [...tasks.keys()],
    );
  }

  /** Rows of no dataset, told by their contents alone. @param hashes [row] hashes of a column */
  static ofContents(hashes: Uint8Array): RowLookup {
    const count = hashes.length / HASH_BYTES;
    return new RowLookup(
      hashes,
      Uint32Array.from({ length: count }, (_, row) => row),
      new Uint32Array(count),
      [''],
    );
  }

  /** Usable rows. */
  get count(): number {
    return this.#rowIndex.length;
  }

  rowIndex(position: number): number {
    return this.#rowIndex[position]!;
  }

  task(position: number): string {
    return this.#tasks[this.#taskIndex[position]!]!;
  }

  /**
   * Gives rows to contents, each row once: the first call with a content gets its first row, the second call its second
   * one. Asked again from the start, a new taker gives the same.
   *
   * @returns takes the hash of a row of a column, gives the position of the row that it is, or −1
   */
  taker(): (hashes: Uint8Array, row: number) => number {
    const taken = new Uint8Array(this.count);
    const heads = new Map<number, number>();
    return (hashes, row) => {
      const start = row * HASH_BYTES;
      const key = keyOf(hashes, start);
      const head = heads.get(key) ?? this.#first.get(key) ?? NONE;
      for (let position = head; position !== NONE; position = this.#next[position]!) {
        if (taken[position] === 1 || !this.#equals(position, hashes, start)) continue;
        taken[position] = 1;
        if (position === head) heads.set(key, this.#next[position]!);
        return position;
      }
      return -1;
    };
  }

  #equals(position: number, hashes: Uint8Array, start: number): boolean {
    for (let byte = 0; byte < HASH_BYTES; byte += 1) {
      if (this.#hashes[position * HASH_BYTES + byte] !== hashes[start + byte]) return false;
    }
    return true;
  }
}

/** The first 48 bits of a hash as a number: enough to find it, not to know it. */
function keyOf(hashes: Uint8Array, start: number): number {
  let key = 0;
  for (let byte = 0; byte < 6; byte += 1) key = key * 256 + hashes[start + byte]!;
  return key;
}
