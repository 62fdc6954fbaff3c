// Rows whose gradients point most nearly the same way as a row's, from the gradient tables of a run.
import type { RunResult } from '../../contracts/messages/run.ts';
import { openStore } from '../../store/open-store.ts';
import type { Store } from '../../store/store.ts';
import { joinGradients, openGradientTable, readGradients } from '../../tables/gradients.ts';
import type { GradientRows, GradientTable } from '../../tables/gradients.ts';
import { HASH_BYTES, contentHashAt } from '../../tables/hash-column.ts';
import { rowsTable } from '../../tables/rows.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { RowLookup } from '../../tables/row-lookup.ts';

/** What is kept of a run's tables, and what is asked of it. */
export type GradientsOf = Pick<RunResult, 'gradients' | 'dataset' | 'config'>;

/** A row and the cosine of its gradient with that of the row that was asked about. */
export interface NearRow {
  rowIndex: number;
  cosine: number;
}

/** Rows that are named as nearest. */
const NEAREST_ROWS = 5;

/** A row of a table that is none of the dataset's, or of no use. */
const NONE = 0xffffffff;

/** Stored gradients `[row, sketch]` of some rows of the table, from `start` on. */
interface Part {
  start: number;
  rowCount: number;
  list: Float32Array | Int8Array;
}

/**
 * The tables of a run, joined once with its dataset by content: 12 bytes a row, and the gradients as they are stored
 * where these are few enough. Of others each question reads the tables again, in bounded memory.
 */
export class NearestRows {
  readonly #store: Store;
  readonly #table: GradientTable;
  /** `[row of the table]` row of the dataset: tables of earlier runs number their rows otherwise. */
  readonly #rowIndex: Uint32Array;
  /** `[row of the table]` Σ z² of stored values. */
  readonly #squares: Float64Array;
  /** Why rows of the dataset have gradients of no use. */
  readonly #lateReasons = new Map<number, string>();
  /** Null where they are too many. */
  readonly #kept: Part[] | null;

  private constructor(store: Store, table: GradientTable, rowCount: number, isKept: boolean) {
    this.#store = store;
    this.#table = table;
    this.#rowIndex = new Uint32Array(rowCount).fill(NONE);
    this.#squares = new Float64Array(rowCount);
    this.#kept = isKept ? [] : null;
  }

  /**
   * One pass over the tables; null for a run without gradients.
   * @param mostBytes of gradients, as they are stored, that may stay in memory
   */
  static async open({ gradients, dataset, config }: GradientsOf, mostBytes: number): Promise<NearestRows | null> {
    if (gradients === null || dataset === null) return null;
    const store = openStore(config.store.uri);
    const table = await openGradientTable(store, [gradients.gradients, ...gradients.reused]);
    const rowCount = table.files.reduce((sum, { file }) => sum + file.rowCount, 0);
    const isKept = bytesOf(table) <= mostBytes;
    const own = new NearestRows(store, table, rowCount, isKept);
    if (await own.#read(sameRows(store, table, await readHashes(store, dataset.rows)))) return own;
    const other = new NearestRows(store, table, rowCount, isKept);
    await other.#read(joinedRows(store, table, await RowLookup.read(store, dataset.rows)));
    return other;
  }

  /** @returns whether all rows were given */
  async #read(batches: AsyncIterable<PlacedRows>): Promise<boolean> {
    const { sketch } = this.#table;
    let start = 0;
    for await (const { batch, rowIndex } of batches) {
      const { rowCount, gradient, reason } = batch;
      for (let row = 0; row < rowCount; row += 1) {
        if (rowIndex[row] === NONE) continue;
        const why = reason[row]!;
        if (why !== null) this.#lateReasons.set(rowIndex[row]!, why);
        else {
          this.#rowIndex[start + row] = rowIndex[row]!;
          this.#squares[start + row] = squaresOf(gradient, row * sketch, sketch);
        }
      }
      // A copy: a column is a view on the bytes of its batch.
      this.#kept?.push({ start, rowCount, list: gradient.slice() });
      start += rowCount;
    }
    return start === this.#rowIndex.length;
  }

  /** Why a row's gradient cannot be used; null where it can, or there is none. */
  lateReason(rowIndex: number): string | null {
    return this.#lateReasons.get(rowIndex) ?? null;
  }

  /** The nearest rows of each, the nearest first, of all tasks: one pass for all; none for a row without a gradient. */
  async nearest(wanted: readonly number[]): Promise<NearRow[][]> {
    const { sketch } = this.#table;
    const asked = await Promise.all(
      wanted.map(async (rowIndex) => ({ rowIndex, own: await this.#gradientOf(rowIndex) })),
    );
    const found = wanted.map((): NearRow[] => []);
    if (asked.every(({ own }) => own === null)) return found;
    for await (const { start, rowCount, list } of this.#parts()) {
      for (let row = 0; row < rowCount; row += 1) {
        const rowIndex = this.#rowIndex[start + row]!;
        if (rowIndex === NONE) continue;
        const squares = this.#squares[start + row]!;
        for (const [place, { rowIndex: other, own }] of asked.entries())
          if (own !== null && other !== rowIndex)
            addNearest(found[place]!, rowIndex, cosineOf(own, list, row * sketch, squares));
      }
    }
    return found;
  }

  async *#parts(): AsyncGenerator<Part> {
    if (this.#kept !== null) yield* this.#kept;
    else yield* readParts(this.#store, this.#table, 0);
  }

  /** Of the file that has the row alone. */
  async #gradientOf(rowIndex: number): Promise<Own | null> {
    const wanted = this.#rowIndex.indexOf(rowIndex);
    if (rowIndex === NONE || wanted < 0) return null;
    const { sketch } = this.#table;
    for await (const { start, rowCount, list } of this.#kept ?? this.#fileOf(wanted)) {
      if (wanted < start || wanted >= start + rowCount) continue;
      const from = (wanted - start) * sketch;
      return { values: Float64Array.from(list.subarray(from, from + sketch)), squares: this.#squares[wanted]! };
    }
    return null;
  }

  async *#fileOf(wanted: number): AsyncGenerator<Part> {
    let start = 0;
    for (const one of this.#table.files) {
      if (wanted < start + one.file.rowCount) {
        yield* readParts(this.#store, { ...this.#table, files: [one] }, start);
        return;
      }
      start += one.file.rowCount;
    }
  }
}

/** A batch of the table, and which rows of the dataset its rows are. */
interface PlacedRows {
  batch: GradientRows;
  rowIndex: Uint32Array;
}

/** Of tables whose rows have the numbers that they have in the dataset, which is usual; ends where one has another. */
async function* sameRows(store: Store, table: GradientTable, hashes: Uint8Array): AsyncGenerator<PlacedRows> {
  for await (const batch of readGradients(store, table)) {
    const { rowIndex, contentHash } = batch;
    for (let byte = 0; byte < contentHash.length; byte += 1) {
      const row = Math.floor(byte / HASH_BYTES);
      if (contentHash[byte] !== hashes[rowIndex[row]! * HASH_BYTES + (byte % HASH_BYTES)]) return;
    }
    yield { batch, rowIndex };
  }
}

/** By content, of tables of earlier runs too, which number their rows otherwise. */
async function* joinedRows(store: Store, table: GradientTable, lookup: RowLookup): AsyncGenerator<PlacedRows> {
  for await (const { batch, positions } of joinGradients(store, table, lookup)) {
    const rowIndex = Uint32Array.from(positions, (position) => (position < 0 ? NONE : lookup.rowIndex(position)));
    yield { batch, rowIndex };
  }
}

/** `[row, 32]` content hashes of a dataset's rows; zeros of a row that was not read. */
async function readHashes(store: Store, rows: ArtifactReference): Promise<Uint8Array> {
  const hashes = new Uint8Array(rows.rowCount * HASH_BYTES);
  for await (const { rowIndex, contentHash, reason } of rowsTable.read(store, rows))
    for (const [place, row] of rowIndex.entries())
      if (reason[place] === null) hashes.set(contentHashAt(contentHash, place), row * HASH_BYTES);
  return hashes;
}

/** A row's gradient as it is stored, without the scale of int8. */
interface Own {
  values: Float64Array;
  squares: number;
}

async function* readParts(store: Store, table: GradientTable, first: number): AsyncGenerator<Part> {
  let start = first;
  for await (const { rowCount, gradient } of readGradients(store, table)) {
    yield { start, rowCount, list: gradient };
    start += rowCount;
  }
}

/** Stored values of a table's gradients, in bytes. */
function bytesOf({ sketch, files }: GradientTable): number {
  const bytes = { float32: Float32Array.BYTES_PER_ELEMENT, int8: Int8Array.BYTES_PER_ELEMENT };
  return files.reduce((sum, { file, storage }) => sum + file.rowCount * sketch * bytes[storage], 0);
}

function squaresOf(list: Float32Array | Int8Array, start: number, count: number): number {
  let sum = 0;
  for (let place = start; place < start + count; place += 1) sum += list[place]! * list[place]!;
  return sum;
}

/** Of stored values: the scale of int8 falls out. */
function cosineOf(
  { values, squares: own }: Own,
  list: Float32Array | Int8Array,
  start: number,
  squares: number,
): number {
  let product = 0;
  for (let place = 0; place < values.length; place += 1) product += values[place]! * list[start + place]!;
  return squares === 0 || own === 0 ? 0 : product / Math.sqrt(own * squares);
}

function addNearest(found: NearRow[], rowIndex: number, cosine: number): void {
  if (found.length === NEAREST_ROWS && !(cosine > found.at(-1)!.cosine)) return;
  found.push({ rowIndex, cosine });
  found.sort((left, right) => right.cosine - left.cosine).splice(NEAREST_ROWS);
}
