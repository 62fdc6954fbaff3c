// Leases: who is at work in a store and on what, so that nobody clears it away.
import type { Store } from './store.ts';

const AREA = 'leases';

/** A lease that says that work goes on and was not renewed for so long is that of a process that died. */
export const LEASE_MS = 15 * 60_000;

/** Holders renew their leases so often. */
const RENEW_MS = 60_000;

/** A lease of a run that nobody has ended, paused for instance, holds what it names for so long. */
const OPEN_MS = 30 * 24 * 60 * 60_000;

/** What a holder says. */
export interface Lease {
  /** Name of the run. */
  run: string;
  /** Machine and process. */
  holder: string;
  /** Whether work goes on; else the run is between two pieces of work. */
  isAtWork: boolean;
  /** Folders of the store that the run needs: what it has read and made. */
  uris: string[];
}

/** A lease as it lies in the store. */
export interface StoredLease extends Lease {
  key: string;
  /** Time since it was last renewed. */
  ageMs: number;
}

/** Writes a lease, or renews it. @param name tells the leases of one run apart */
export async function writeLease(store: Store, workflowId: string, name: string, lease: Lease): Promise<void> {
  await store.write(keyOf(workflowId, name), [Buffer.from(`${JSON.stringify(lease)}\n`)]);
}

/**
 * Writes a lease and renews it until it is let go; what is in the store then stays there. A store that is away is told
 * by the work itself.
 * @returns lets it go
 */
export async function keepLease(store: Store, workflowId: string, name: string, lease: Lease): Promise<() => void> {
  const renew = (): Promise<void> => writeLease(store, workflowId, name, lease).catch(() => undefined);
  await renew();
  const timer = setInterval(() => void renew(), RENEW_MS);
  return () => clearInterval(timer);
}

/** Ends one lease. */
export async function endLease(store: Store, workflowId: string, name: string): Promise<void> {
  await store.removeFolder(folderOf(workflowId, name));
}

/** Ends all leases of a run, which is not under way any more. */
export async function endLeases(store: Store, workflowId: string): Promise<void> {
  await store.removeFolder(folderOf(workflowId));
}

/** All leases that hold something. */
export async function readLeases(store: Store): Promise<StoredLease[]> {
  const leases: StoredLease[] = [];
  for (const { key, modifiedMs } of await store.entries(AREA)) {
    const ageMs = Date.now() - modifiedMs;
    // It may end while it is read, and one that cannot be read holds nothing that could be named.
    const lease = await store.read(key).then(parsed, () => null);
    if (lease !== null && ageMs < OPEN_MS) leases.push({ ...lease, key, ageMs });
  }
  return leases;
}

function parsed(bytes: Uint8Array): Lease | null {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as Lease;
  } catch {
    return null;
  }
}

function keyOf(workflowId: string, name: string): string {
  return `${folderOf(workflowId, name)}/lease.json`;
}

/** A folder a lease: folders are what a store removes. */
function folderOf(...parts: string[]): string {
  return [AREA, ...parts.map((part) => part.replace(/[^\w.-]/g, '~').slice(0, 200))].join('/');
}
