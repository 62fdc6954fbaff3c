// What values and selection say of every usable row, as CSV or Parquet.
import { join } from 'node:path';
import { changedCountOf, changeText } from '../../contracts/augmentation.ts';
import type { PictureChange } from '../../contracts/augmentation.ts';
import type { SelectionResult } from '../../contracts/messages/selection.ts';
import type { ValuesResult } from '../../contracts/messages/values.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { Store } from '../../store/store.ts';
import { readChanges } from '../../tables/copies.ts';
import { rowsTable } from '../../tables/rows.ts';
import { selectionTable } from '../../tables/selection.ts';
import { valuesTable } from '../../tables/values.ts';
import { writeParquetFile } from './parquet-file.ts';

/** Columns of every usable row in row order: who it is, and what values and selection say of it. */
const COLUMNS = [
  { name: 'row_index', type: 'INT32', optional: false },
  { name: 'id', type: 'BYTE_ARRAY', optional: true },
  { name: 'image', type: 'BYTE_ARRAY', optional: true },
  { name: 'task', type: 'BYTE_ARRAY', optional: false },
  { name: 'loss', type: 'DOUBLE', optional: false },
  { name: 'supervised_token_count', type: 'INT32', optional: false },
  { name: 'gradient_norm', type: 'DOUBLE', optional: false },
  { name: 'el2n', type: 'DOUBLE', optional: false },
  { name: 'mean_of_cosines', type: 'DOUBLE', optional: false },
  { name: 'cosine_to_mean', type: 'DOUBLE', optional: false },
  { name: 'copies', type: 'INT32', optional: false },
  { name: 'probability', type: 'DOUBLE', optional: true },
  { name: 'rank', type: 'INT32', optional: true },
] as const;

/** Behind the others where a copy has changed pictures: what is done to each, `2: flip; 3: crop 96.1 %`. */
const CHANGES_COLUMN = { name: 'changed_copies', type: 'BYTE_ARRAY', optional: true } as const;

type ColumnOf = (typeof COLUMNS)[number] | typeof CHANGES_COLUMN;

function columnsOf({ copies = [] }: SelectionResult): readonly ColumnOf[] {
  return changedCountOf(copies) === 0 ? COLUMNS : [...COLUMNS, CHANGES_COLUMN];
}

/**
 * Values of some rows, in the order of {@link COLUMNS}; probability and rank are null for a row that is not selected.
 */
type TableColumns = (string | number | null)[][];

export interface ExportedTables {
  /** Identities and order of the rows. */
  rows: ArtifactReference;
  values: ValuesResult;
  selection: SelectionResult;
}

/** Writes the table as CSV: RFC 4180, dots in numbers. Text that a spreadsheet would run begins with `'`. */
export async function* csvBytes(store: Store, tables: ExportedTables): AsyncGenerator<Uint8Array> {
  yield Buffer.from(
    `${columnsOf(tables.selection)
      .map(({ name }) => name)
      .join(',')}\n`,
  );
  for await (const columns of readColumns(store, tables)) {
    const lines = columns[0]!.map((_, row) => columns.map((column) => csvCell(column[row]!)).join(','));
    yield Buffer.from(`${lines.join('\n')}\n`);
  }
}

/** A cell of CSV. A formula, which a spreadsheet may run, is shown as text. */
export function csvCell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Writes the table as Parquet, a row group for every batch. @returns its path */
export function writeParquet(store: Store, tables: ExportedTables, folder: string, name: string): Promise<string> {
  return writeParquetFile(join(folder, name), columnsOf(tables.selection), readColumns(store, tables));
}

/** Rows in row order, whatever the order of the values: about 60 bytes a row in memory. */
async function* readColumns(store: Store, { rows, values, selection }: ExportedTables): AsyncGenerator<TableColumns> {
  const selected = await readSelected(store, selection);
  const valued = await readValues(store, values);
  const changes = await readChanges(store, selection.selection);
  const hasChanges = columnsOf(selection).length > COLUMNS.length;
  for await (const { rowIndex, id, image, task } of rowsTable.read(store, rows)) {
    const taken = [...rowIndex.keys()].filter((row) => valued.placeOf.has(rowIndex[row]!));
    if (taken.length === 0) continue;
    const places = taken.map((row) => valued.placeOf.get(rowIndex[row]!)!);
    const found = taken.map((row) => selected.get(rowIndex[row]!));
    yield [
      taken.map((row) => rowIndex[row]!),
      taken.map((row) => plainId(id[row] ?? null)),
      taken.map((row) => image[row] ?? null),
      taken.map((row) => task[row]!),
      ...valued.columns.map((column) => places.map((place) => column[place]!)),
      found.map((row) => row?.copies ?? 0),
      found.map((row) => row?.probability ?? null),
      found.map((row) => row?.rank ?? null),
      ...(hasChanges ? [taken.map((row) => changesText(changes.get(rowIndex[row]!)))] : []),
    ];
  }
}

/** What is done to the copies of a row; null where nothing is. */
function changesText(changes: readonly (PictureChange | null)[] = []): string | null {
  const texts = changes.flatMap((change, index) => (change === null ? [] : [`${index + 2}: ${changeText(change)}`]));
  return texts.length === 0 ? null : texts.join('; ');
}

/** A row's `id` as it reads, where it stands as JSON: a text without its quotes. */
export function plainId(json: string | null): string | null {
  if (json === null) return null;
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'string' ? value : json;
  } catch {
    return json;
  }
}

async function readSelected(store: Store, { selection }: SelectionResult) {
  const selected = new Map<number, { copies: number; probability: number; rank: number }>();
  for await (const { rowIndex, copies, probability, rank } of selectionTable.read(store, selection)) {
    for (const [row, index] of rowIndex.entries())
      selected.set(index, { copies: copies[row]!, probability: probability[row]!, rank: rank[row]! });
  }
  return selected;
}

/** The numbers of all valued rows `[column][place]`, and the place of each row by its index. */
async function readValues(store: Store, { values }: ValuesResult) {
  const placeOf = new Map<number, number>();
  const columns = Array.from({ length: 6 }, () => new Float64Array(values.rowCount));
  for await (const batch of valuesTable.read(store, values)) {
    const { loss, supervisedTokenCount, gradientNorm, el2n, meanOfCosines, cosineToMean } = batch;
    const read = [loss, supervisedTokenCount, gradientNorm, el2n, meanOfCosines, cosineToMean];
    read.forEach((column, index) => columns[index]!.set(column, placeOf.size));
    for (const index of batch.rowIndex) placeOf.set(index, placeOf.size);
  }
  return { placeOf, columns };
}
