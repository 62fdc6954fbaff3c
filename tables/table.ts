// A table: its columns by name, and rows of it in memory. The only place that turns names in memory into names on disk.
import { Field, Schema } from 'apache-arrow';
import { SCHEMA_VERSION } from '../contracts/references.ts';
import type { ArtifactReference, FileReference } from '../contracts/references.ts';
import { fileOf, readManifest } from '../store/artifacts.ts';
import type { Store } from '../store/store.ts';
import { readArrowFile, writeArrowFile } from './arrow-file.ts';
import type { ArrowRows } from './arrow-file.ts';
import type { Column, ColumnValues } from './columns.ts';

/** The kinds of tables that are written. */
export type TableKind =
  | 'rows'
  | 'gradients'
  | 'values'
  | 'filtered'
  | 'near_counts'
  | 'selection'
  | 'copies'
  | 'outcomes'
  | 'training';

/** Columns by their names in memory; on disk `rowIndex` is `row_index`. */
export type Columns = Readonly<Record<string, Column<ColumnValues>>>;

/** Rows of a table, column by column. Columns of a batch that was read are views on its bytes, made when asked for. */
export type Rows<Of extends Columns> = { readonly rowCount: number } & {
  readonly [Name in keyof Of]: Exclude<Of[Name], undefined> extends Column<infer Values> ? Values : never;
};

/** What is written: batches, one record batch each. */
export type Batches<Of extends Columns> = AsyncIterable<Rows<Of>> | Iterable<Rows<Of>>;

/** A kind of table and the columns that its files have, in this order. */
export interface Table<Of extends Columns> {
  kind: TableKind;
  columns: Of;
}

/** Streams batches into an Arrow IPC file. @returns name, hash and counts of the file */
export function writeTable<Of extends Columns>(
  store: Store,
  folder: string,
  name: string,
  table: Table<Of>,
  batches: Batches<Of>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<FileReference> {
  return writeArrowFile(store, folder, name, schemaOf(table, metadata), inOrder(table, batches));
}

async function* inOrder<Of extends Columns>(table: Table<Of>, batches: Batches<Of>): AsyncGenerator<ArrowRows> {
  const names: readonly (keyof Of)[] = Object.keys(table.columns);
  for await (const rows of batches) yield { rowCount: rows.rowCount, columns: names.map((name) => rows[name]) };
}

/**
 * Streams a file's batches, verifying its hash on the way: the last batch comes only when all bytes were right. Memory
 * is one batch.
 * @throws DamagedArtifactError where the bytes are not those of the reference
 * @throws ArtifactMismatchError where they are no such table
 */
export async function* readTable<Of extends Columns>(
  store: Store,
  folder: string,
  file: FileReference,
  table: Table<Of>,
): AsyncGenerator<Rows<Of>> {
  for await (const { rowCount, column } of readArrowFile(store, folder, file, schemaOf(table, {}))) {
    const rows = { rowCount };
    for (const [index, name] of Object.keys(table.columns).entries()) {
      const { access } = table.columns[name]!;
      let values: ColumnValues | undefined;
      Object.defineProperty(rows, name, { enumerable: true, get: () => (values ??= column(index, access)) });
    }
    yield rows as Rows<Of>;
  }
}

/** A table that stands in one file of an artifact. */
export interface FileTable<Of extends Columns> {
  write(store: Store, folder: string, batches: Batches<Of>): Promise<FileReference>;
  /**
   * @throws DamagedArtifactError where bytes are not those of the reference
   * @throws ArtifactMismatchError where the artifact has no such table
   */
  read(store: Store, artifact: ArtifactReference): AsyncGenerator<Rows<Of>>;
  /** As `read`, but without any batch where the artifact has no such table. */
  readIfThere(store: Store, artifact: ArtifactReference): AsyncGenerator<Rows<Of>>;
}

/** The table of a kind whose file is named by it. */
export function fileTable<const Of extends Columns>(kind: TableKind, columns: Of): FileTable<Of> {
  const table: Table<Of> = { kind, columns };
  const name = `${kind}.arrow`;
  return {
    write: (store, folder, batches) => writeTable(store, folder, name, table, batches),
    async *read(store, artifact) {
      yield* readTable(store, artifact.uri, fileOf(await readManifest(store, artifact), name), table);
    },
    async *readIfThere(store, artifact) {
      const file = (await readManifest(store, artifact)).files.find((one) => one.name === name);
      if (file !== undefined) yield* readTable(store, artifact.uri, file, table);
    },
  };
}

function schemaOf({ kind, columns }: Table<Columns>, metadata: Readonly<Record<string, string>>): Schema {
  const fields = Object.entries(columns).map(([name, { type, nullable }]) => new Field(onDisk(name), type, nullable));
  const own = { 'tive.kind': kind, 'tive.schema_version': String(SCHEMA_VERSION) };
  return new Schema(fields, new Map(Object.entries({ ...own, ...metadata })));
}

/** `rowIndex` → `row_index`. */
function onDisk(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
