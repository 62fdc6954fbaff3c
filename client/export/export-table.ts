// What values and selection say of every usable row, as CSV or Parquet.
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileWriter, ParquetWriter } from 'hyparquet-writer';
import type { SchemaElement } from 'hyparquet';
import type { SelectionResult } from '../../contracts/messages/selection.ts';
import type { ValuesResult } from '../../contracts/messages/values.ts';
import type { Store } from '../../store/store.ts';
import { selectionTable } from '../../tables/selection.ts';
import { valuesTable } from '../../tables/values.ts';

/** Scalar columns of every usable row: what values and selection say of it. */
const COLUMNS = [
  { name: 'row_index', type: 'INT32', optional: false },
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

/**
 * Values of some rows, in the order of {@link COLUMNS}; probability and rank are null for a row that is not selected.
 */
type TableColumns = (string | number | null)[][];

export interface ExportedTables {
  values: ValuesResult;
  selection: SelectionResult;
}

/** Writes the table as CSV: RFC 4180, dots in numbers. Text that a spreadsheet would run begins with `'`. */
export async function* csvBytes(store: Store, tables: ExportedTables): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`${COLUMNS.map(({ name }) => name).join(',')}\n`);
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
export async function writeParquet(
  store: Store,
  tables: ExportedTables,
  folder: string,
  name: string,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, name);
  const partial = `${path}.partial`;
  try {
    const writer = new ParquetWriter({ writer: fileWriter(partial), schema: parquetSchema(), createdBy: 'tive' });
    for await (const columns of readColumns(store, tables)) {
      const columnData = COLUMNS.map((column, index) => ({ name: column.name, data: columns[index]! }));
      await writer.write({ columnData, rowGroupSize: columns[0]!.length });
    }
    await writer.finish();
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  return path;
}

function parquetSchema(): SchemaElement[] {
  return [
    { name: 'root', num_children: COLUMNS.length },
    ...COLUMNS.map(({ name, type, optional }): SchemaElement => ({
      name,
      type,
      repetition_type: optional ? 'OPTIONAL' : 'REQUIRED',
      ...(type === 'BYTE_ARRAY' ? { converted_type: 'UTF8' } : {}),
    })),
  ];
}

async function* readColumns(
  store: Store,
  { values: { values }, selection: { selection } }: ExportedTables,
): AsyncGenerator<TableColumns> {
  const selected = new Map<number, { copies: number; probability: number; rank: number }>();
  for await (const { rowIndex, copies, probability, rank } of selectionTable.read(store, selection)) {
    for (const [row, index] of rowIndex.entries())
      selected.set(index, { copies: copies[row]!, probability: probability[row]!, rank: rank[row]! });
  }
  for await (const batch of valuesTable.read(store, values)) {
    const rowIndex = Array.from(batch.rowIndex);
    const found = rowIndex.map((index) => selected.get(index));
    yield [
      rowIndex,
      [...batch.task],
      Array.from(batch.loss),
      Array.from(batch.supervisedTokenCount),
      Array.from(batch.gradientNorm),
      Array.from(batch.el2n),
      Array.from(batch.meanOfCosines),
      Array.from(batch.cosineToMean),
      found.map((row) => row?.copies ?? 0),
      found.map((row) => row?.probability ?? null),
      found.map((row) => row?.rank ?? null),
    ];
  }
}
