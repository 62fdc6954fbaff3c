// A run that meets damage in its store: the damaged artifact is set aside, if somebody agrees, and the run goes on.
import type { ArtifactDamage } from '../../contracts/failures.ts';
import { openStore } from '../../store/open-store.ts';
import type { Store } from '../../store/store.ts';
import { checkArtifact } from '../cluster/store-check.ts';
import { takeInventory } from '../cluster/store-inventory.ts';
import type { StoreInventory } from '../cluster/store-inventory.ts';
import { isOlder, madeFrom, setAsideAll } from '../cluster/store-repair.ts';

/** The damage that a failure tells of, however deep it lies; null where it was something else. */
export function damageOf(error: unknown): ArtifactDamage | null {
  for (let next = error; next instanceof Error; next = next.cause) {
    if ('damage' in next && isDamage(next.damage)) return next.damage;
    if ('type' in next && next.type === 'DamagedArtifactError' && 'details' in next && Array.isArray(next.details)) {
      const [details] = next.details as unknown[];
      return isDamage(details) ? details : null;
    }
  }
  return null;
}

function isDamage(value: unknown): value is ArtifactDamage {
  return typeof value === 'object' && value !== null && 'uri' in value && 'name' in value;
}

/**
 * Sets a damaged artifact aside. What was made from it stays, since its readers compared the bytes with their hash,
 * but for what older versions made, which did not always.
 * @param say is told what lies where
 */
export async function setDamagedAside(
  storeUri: string,
  runsFolder: string,
  { uri }: ArtifactDamage,
  say: (text: string) => void,
): Promise<void> {
  const store = openStore(storeUri);
  await setAsideWithOlder(store, await takeInventory(store, runsFolder), [uri], say);
}

async function setAsideWithOlder(
  store: Store,
  inventory: StoreInventory,
  uris: readonly string[],
  say: (text: string) => void,
): Promise<void> {
  const derived = madeFrom(inventory, uris, isOlder).map((artifact) => artifact.uri);
  for (const folder of await setAsideAll(store, [...uris, ...derived])) say(`set aside: ${folder}`);
}

/**
 * Checks every artifact that a run's last result refers to, those too that a run with all stages cached would not read,
 * and sets the damaged ones aside, as {@link setDamagedAside} does.
 * @returns whether there were any
 */
export async function setAllDamagedAside(
  storeUri: string,
  runsFolder: string,
  runName: string,
  say: (text: string) => void,
): Promise<boolean> {
  const store = openStore(storeUri);
  const inventory = await takeInventory(store, runsFolder);
  const uris = new Set<string>();
  for (const artifact of inventory.artifacts.filter(({ runs }) => runs.includes(runName))) {
    for (const { uri, key, problem } of await checkArtifact(store, artifact, () => undefined)) {
      say(`${key}: ${problem}`);
      uris.add(uri);
    }
  }
  await setAsideWithOlder(store, inventory, [...uris], say);
  return uris.size > 0;
}
