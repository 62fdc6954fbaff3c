// The check of an artifact: all its files there, with the bytes that its manifest names.
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { canonicalJson, sha256 } from '../../store/addresses.ts';
import { MANIFEST_NAME } from '../../store/artifacts.ts';
import type { ArtifactManifest } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';
import type { StoredFolder } from './store-inventory.ts';

/** Something wrong with an artifact. */
export interface Damage {
  /** Folder of the artifact. */
  uri: string;
  /** Key of the file. */
  key: string;
  /** What must hold, and what was found. */
  problem: string;
  /** Runs that refer to the artifact. */
  runs: string[];
}

/**
 * Reads every file of an artifact, in pieces, and compares it with the manifest, and the manifest with its address.
 * @param tell is told the bytes that were read
 * @returns nothing where all is right; an artifact that is not complete is no damage
 */
export async function checkArtifact(
  store: Store,
  { uri, files, manifest, runs }: StoredFolder,
  tell: (byteCount: number) => void,
): Promise<Damage[]> {
  const damages: Damage[] = [];
  const say = (name: string, problem: string): void => void damages.push({ uri, key: `${uri}/${name}`, problem, runs });
  const found = new Map(files.map(({ key, byteCount }) => [key.slice(uri.length + 1), byteCount]));
  if (manifest === null) {
    if (found.has(MANIFEST_NAME)) say(MANIFEST_NAME, 'must be the manifest that was written, got other bytes');
    return damages;
  }
  if (addressOf(manifest) !== basename(uri))
    say(MANIFEST_NAME, `must determine the address ${basename(uri)}, got ${addressOf(manifest)}`);
  for (const { name, sha256: wanted, byteCount } of manifest.files) {
    const size = found.get(name);
    if (size === undefined) say(name, 'must exist, got none');
    else if (size !== byteCount) say(name, `must have ${byteCount} bytes, got ${size}`);
    else {
      const hash = await hashOf(store, `${uri}/${name}`, tell);
      if (hash !== wanted) say(name, `sha256 must be ${wanted.slice(0, 12)}…, got ${hash.slice(0, 12)}…`);
    }
  }
  const known = new Set([MANIFEST_NAME, ...manifest.files.map(({ name }) => name)]);
  for (const name of found.keys()) if (!known.has(name)) say(name, 'must be named by the manifest, got a foreign file');
  return damages;
}

function addressOf({ stage, stageVersion, determinants }: ArtifactManifest): string {
  return sha256(canonicalJson({ stage, version: stageVersion, determinants })).slice(0, 40);
}

async function hashOf(store: Store, key: string, tell: (byteCount: number) => void): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of store.stream(key)) {
    hash.update(piece);
    tell(piece.byteLength);
  }
  return hash.digest('hex');
}
