// A Parquet file of a machine, written batch by batch.
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileWriter, ParquetWriter } from 'hyparquet-writer';
import type { SchemaElement } from 'hyparquet';

/** One column: its name in the file, how it is stored, and whether its values may be null. */
export interface ParquetColumn {
  name: string;
  type: 'INT32' | 'DOUBLE' | 'BOOLEAN' | 'BYTE_ARRAY';
  optional: boolean;
}

/** Values of some rows, `[column][row]` in the order of the columns. */
export type TableColumns = (string | number | boolean | null)[][];

/** Writes the file, a row group for every batch; under its name it is whole. @returns its path */
export async function writeParquetFile(
  path: string,
  columns: readonly ParquetColumn[],
  batches: AsyncIterable<TableColumns>,
): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.partial`;
  try {
    const writer = new ParquetWriter({ writer: fileWriter(partial), schema: schemaOf(columns), createdBy: 'tive' });
    for await (const batch of batches) {
      const columnData = columns.map(({ name }, index) => ({ name, data: batch[index]! }));
      await writer.write({ columnData, rowGroupSize: batch[0]!.length });
    }
    await writer.finish();
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  return path;
}

function schemaOf(columns: readonly ParquetColumn[]): SchemaElement[] {
  return [
    { name: 'root', num_children: columns.length },
    ...columns.map(({ name, type, optional }): SchemaElement => ({
      name,
      type,
      repetition_type: optional ? 'OPTIONAL' : 'REQUIRED',
      ...(type === 'BYTE_ARRAY' ? { converted_type: 'UTF8' } : {}),
    })),
  ];
}
