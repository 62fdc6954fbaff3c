// A watch over a dataset's files.
import { setTimeout as sleep } from 'node:timers/promises';
import { changeFingerprint } from '../../activities/shared/fingerprints.ts';
import type { DatasetConfig } from '../../contracts/config.ts';
import { canonicalJson } from '../../store/addresses.ts';
import { openStore } from '../../store/open-store.ts';

export interface WatchOptions {
  /** Time between two looks. */
  pollMs: number;
  /** A change counts once nothing more has changed for this long: files are often written piece by piece. */
  quietMs: number;
  /** Ends the watch. */
  signal: AbortSignal;
}

/**
 * Calls `onChange` at once, and then whenever the dataset's files have changed and come to rest, one call at a time.
 * Looks are cheap: hashes of the dataset's files, names, sizes and times of the pictures, listings of what lies in
 * buckets; they also see changes on network file systems.
 */
export async function watchDataset(
  dataset: DatasetConfig,
  options: WatchOptions,
  onChange: () => Promise<void>,
): Promise<void> {
  const { pollMs, quietMs, signal } = options;
  let seen: string | null = null;
  while (!signal.aborted) {
    const now = await fingerprint(dataset);
    if (now !== null && now !== seen && (seen === null || (await isQuiet(dataset, now, quietMs, signal)))) {
      seen = now;
      await onChange();
      continue;
    }
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

async function isQuiet(dataset: DatasetConfig, before: string, quietMs: number, signal: AbortSignal): Promise<boolean> {
  await sleep(quietMs, undefined, { signal }).catch(() => undefined);
  return !signal.aborted && (await fingerprint(dataset)) === before;
}

/** Null while a file is away, for instance between its removal and its replacement. */
async function fingerprint(dataset: DatasetConfig): Promise<string | null> {
  return changeFingerprint(openStore, dataset).then(canonicalJson, () => null);
}
