// Repair of a store: what is damaged is set aside, and what was made from it or speaks of it.
import { LAST_FILE, RUNS_AREA } from '../../store/run-records.ts';
import { setAside } from '../../store/set-aside.ts';
import type { Store } from '../../store/store.ts';
import { textsOf } from './store-inventory.ts';
import type { StoredFolder, StoreInventory } from './store-inventory.ts';

/**
 * Artifacts that were made from others, directly or not: the hash of an input's content is among what determines them.
 * @param isTold whether an artifact counts, with what was made from it
 */
export function madeFrom(
  { artifacts }: Pick<StoreInventory, 'artifacts'>,
  uris: readonly string[],
  isTold: (artifact: StoredFolder) => boolean = () => true,
): StoredFolder[] {
  const found = new Set<StoredFolder>();
  const open = artifacts.filter(({ uri }) => uris.includes(uri));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const content = next.contentSha256;
    if (content === null) continue;
    for (const other of artifacts) {
      if (found.has(other) || uris.includes(other.uri) || !isTold(other)) continue;
      if (![...textsOf(other.manifest?.determinants ?? null)].includes(content)) continue;
      found.add(other);
      open.push(other);
    }
  }
  return [...found];
}

/**
 * Whether an artifact was written before readers compared all bytes with their hashes: it may have been made from
 * damaged bytes, unseen.
 */
export function isOlder({ manifest }: StoredFolder): boolean {
  return manifest !== null && manifest.sha256 === undefined;
}

/**
 * Sets folders of the store aside, and the last results for incremental runs that name them.
 * @returns where each lies now
 */
export async function setAsideAll(store: Store, uris: readonly string[]): Promise<string[]> {
  const moved: string[] = [];
  const at = Date.now();
  const move = async (uri: string): Promise<void> => {
    const target = await setAside(store, uri, at);
    if (target !== null) moved.push(target);
  };
  for (const uri of uris) await move(uri);
  for (const key of await store.list(RUNS_AREA)) {
    // A run goes on from its last result; what a list shows of one is not lost with a part of it.
    if (!key.endsWith(`/${LAST_FILE}`)) continue;
    const text = Buffer.from(await store.read(key)).toString('utf8');
    if (uris.some((uri) => text.includes(uri))) await move(key.split('/').slice(0, 2).join('/'));
  }
  return moved;
}
