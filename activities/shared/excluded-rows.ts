// Rows that a recipe leaves out by name: which they are in a rows table, and names that are of none.
import { readFile } from 'node:fs/promises';
import type { Config, DatasetConfig } from '../../contracts/config.ts';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { hashName, idName, parseRowNames } from '../../dataset/rows/row-names.ts';
import type { RowNames } from '../../dataset/rows/row-names.ts';
import { sha256 } from '../../store/addresses.ts';
import type { Store } from '../../store/store.ts';
import { contentKeyAt } from '../../tables/hash-column.ts';
import { rowsTable } from '../../tables/rows.ts';
import type { ControlDependencies } from './dependencies.ts';
import { localFile } from './local-dataset.ts';

/** Names of no row that are said one by one. */
const NAMED = 5;

/** A list of rows and what it is hashed to. */
export interface ExcludedNames extends RowNames {
  sha256: string;
}

/** The list that a recipe names; null where it names none. @throws InvalidDatasetError for a file that is not there */
export async function readExcludedNames(
  openStore: ControlDependencies['openStore'],
  { excludeRows = null }: Pick<DatasetConfig, 'excludeRows'>,
): Promise<ExcludedNames | null> {
  if (excludeRows === null) return null;
  const text = await readFile(await localFile(openStore, excludeRows, KEY), 'utf8').catch(
    (error: NodeJS.ErrnoException) => {
      if (error instanceof InvalidDatasetError) throw error;
      const what = error.code === 'ENOENT' ? 'exist' : 'be readable';
      throw new InvalidDatasetError(`${KEY}: file must ${what}, got "${excludeRows}" (${error.code})`);
    },
  );
  return { ...parseRowNames(text), sha256: sha256(text) };
}

const KEY = 'dataset.exclude_rows';

/** What a list says of a rows table. */
export interface ExcludedRows {
  /** Indexes of usable rows. */
  rowIndexes: ReadonlySet<number>;
  /** Names that no row has, usable or not. */
  unknown: string[];
}

/** One pass over a rows table. A name may be that of several rows: all of them are meant. */
export async function findExcluded(
  store: Store,
  rows: ArtifactReference,
  { ids, hashes }: RowNames,
): Promise<ExcludedRows> {
  const rowIndexes = new Set<number>();
  const unknown = { ids: new Set(ids), hashes: new Set(hashes) };
  for await (const batch of rowsTable.read(store, rows)) {
    for (const [row, index] of batch.rowIndex.entries()) {
      const json = batch.id[row]!;
      const id = json === null ? null : idName(json);
      const hash = contentKeyAt(batch.contentHash, row);
      const isNamed = (id !== null && ids.has(id)) || hashes.has(hash);
      if (!isNamed) continue;
      if (id !== null) unknown.ids.delete(id);
      unknown.hashes.delete(hash);
      if (batch.reason[row] === null) rowIndexes.add(index);
    }
  }
  return { rowIndexes, unknown: [...unknown.ids, ...[...unknown.hashes].map(hashName)] };
}

/**
 * What a person should know of a list: names of no row. It need not fit to the letter, since a dataset changes.
 * @throws InvalidDatasetError where none of the names is that of a row
 */
export function excludedNotes({ ids, hashes }: RowNames, { unknown }: ExcludedRows): string[] {
  if (unknown.length === 0) return [];
  const all = ids.size + hashes.size;
  const said = unknown.slice(0, NAMED).map((name) => JSON.stringify(name));
  const more = unknown.length > NAMED ? ` and ${(unknown.length - NAMED).toLocaleString('en')} more` : '';
  const message =
    `${KEY}: names must be ids or content hashes of rows, got ${unknown.length.toLocaleString('en')} of ` +
    `${all.toLocaleString('en')} that no row has: ${said.join(', ')}${more}`;
  if (unknown.length === all) throw new InvalidDatasetError(`${message}; tive show tells a row's`);
  return [message];
}

/** That rows are left out, in a sentence. */
export function excludedWords(count: number): string {
  const rows = count === 1 ? '1 row is' : `${count.toLocaleString('en')} rows are`;
  return `${KEY}: ${rows} left out of values and selection`;
}

/** Looks at the list of a recipe before anything is made of it. @returns notes; none where it names none */
export async function checkExcluded(
  openStore: ControlDependencies['openStore'],
  { dataset, store }: Pick<Config, 'dataset' | 'store'>,
  rows: ArtifactReference,
): Promise<string[]> {
  const names = await readExcludedNames(openStore, dataset);
  return names === null ? [] : excludedNotes(names, await findExcluded(openStore(store.uri), rows, names));
}

/** What a plan says of the list: rows where they are known, else names. */
export async function planExcluded(
  openStore: ControlDependencies['openStore'],
  { dataset, store }: Pick<Config, 'dataset' | 'store'>,
  scanned: Pick<ScanResult, 'rows'> | null,
): Promise<string[]> {
  const names = await readExcludedNames(openStore, dataset);
  if (names === null) return [];
  if (scanned !== null) {
    const found = await findExcluded(openStore(store.uri), scanned.rows, names);
    return [excludedWords(found.rowIndexes.size), ...excludedNotes(names, found)];
  }
  const count = (names.ids.size + names.hashes.size).toLocaleString('en');
  return [
    `${KEY}: rows of ${count} names are left out of values and selection; which they are is known once rows are read`,
  ];
}
