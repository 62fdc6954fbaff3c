// Damaged artifacts, set aside: out of the way of readers, and kept to be looked at.
import type { Store } from './store.ts';

/** Where what was set aside lies; nothing is read from there. */
export const DAMAGED_AREA = 'damaged';

/**
 * Moves a folder of the store, such as `artifacts/values/3f9a…`, below `damaged/`: its stage makes it again.
 * @param at milliseconds since the epoch, which tell several of one address apart
 * @returns where it lies now; null where there is none
 */
export async function setAside(store: Store, uri: string, at: number): Promise<string | null> {
  if ((await store.list(uri)).length === 0) return null;
  const target = `${DAMAGED_AREA}/${uri.replace(/^artifacts\//, '')}/${at}`;
  await store.moveFolder(uri, target);
  return target;
}
