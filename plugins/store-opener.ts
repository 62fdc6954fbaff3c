// Stores by address, each opened once.
import { openStore } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';

/** Opens each store once a process. */
export function createStoreOpener(): (uri: string) => Store {
  const stores = new Map<string, Store>();
  return (uri) => {
    const store = stores.get(uri) ?? openStore(uri);
    stores.set(uri, store);
    return store;
  };
}
