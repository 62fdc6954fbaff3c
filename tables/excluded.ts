// The rows that a recipe leaves out of values and selection, beside the values: a list of their indexes.
import type { ArtifactReference } from '../contracts/references.ts';
import { readManifest } from '../store/artifacts.ts';
import type { Store } from '../store/store.ts';
import { readVerified } from '../store/verified.ts';

/** File of a values artifact; not there where nothing was left out by name. */
export const EXCLUDED_FILE = 'excluded.json';

/** Indexes of the usable rows that the recipe has left out of a values artifact by name, ascending. */
export async function readExcluded(store: Store, values: ArtifactReference): Promise<number[]> {
  const file = (await readManifest(store, values)).files.find(({ name }) => name === EXCLUDED_FILE);
  if (file === undefined) return [];
  return JSON.parse(Buffer.from(await readVerified(store, values.uri, file)).toString('utf8')) as number[];
}
