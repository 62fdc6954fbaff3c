// What lies in a store, by whom it is used, and what may be removed.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DamagedArtifactError } from '../../contracts/failures.ts';
import { contentOf, readManifestAt } from '../../store/artifacts.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { ArtifactManifest } from '../../store/artifacts.ts';
import { readLeases } from '../../store/leases.ts';
import { RUNS_AREA } from '../../store/run-records.ts';
import { DAMAGED_AREA } from '../../store/set-aside.ts';
import type { OpenWrite, Store, StoredFile } from '../../store/store.ts';

/** One folder of the store below `artifacts` or `checkpoints`: a stage's output, or the work on it. */
export interface StoredFolder {
  /** `artifacts/STAGE/ADDRESS` or `checkpoints/STAGE/ADDRESS`. */
  uri: string;
  stage: string;
  files: StoredFile[];
  byteCount: number;
  /** When its newest file was written, milliseconds since the epoch. */
  modifiedMs: number;
  /** Null for checkpoints, and for an artifact that is not complete or whose manifest cannot be read. */
  manifest: ArtifactManifest | null;
  /** Hash of what an artifact holds or should hold, as others refer to it; null where nothing says it. */
  contentSha256: string | null;
  /** Names of the runs that refer to it, directly or as what their artifacts were made from. */
  runs: string[];
}

/** All that lies in a store. */
export interface StoreInventory {
  artifacts: StoredFolder[];
  checkpoints: StoredFolder[];
  /** Damaged artifacts that were set aside. */
  setAside: StoredFolder[];
  openWrites: OpenWrite[];
}

const AREAS = ['artifacts', 'checkpoints', DAMAGED_AREA] as const;

/**
 * Lists a store, and says which runs refer to what: those below the folder of runs that have a result, those whose
 * result the store keeps by their names, and those that are under way by their leases.
 */
export async function takeInventory(store: Store, runsFolder: string): Promise<StoreInventory> {
  const [artifacts, checkpoints] = [await foldersOf(store, 'artifacts'), await foldersOf(store, 'checkpoints')];
  const setAside = await foldersOf(store, DAMAGED_AREA);
  const references = await referencesOf(store, runsFolder);
  for (const folder of artifacts) {
    const said = [...references.values()].map((of) => of.get(folder.uri) ?? '').find((hash) => hash !== '') ?? null;
    folder.manifest = await readManifestAt(store, folder.uri).catch((error: unknown) => {
      if (error instanceof DamagedArtifactError) folder.contentSha256 = error.damage?.expected ?? said;
      return null;
    });
    if (folder.manifest !== null) folder.contentSha256 = contentOf(folder.manifest);
  }
  const byContent = new Map<string, StoredFolder[]>();
  for (const folder of artifacts) {
    if (folder.manifest === null || folder.contentSha256 === null) continue;
    byContent.set(folder.contentSha256, [...(byContent.get(folder.contentSha256) ?? []), folder]);
  }
  for (const [run, named] of references) {
    const found = artifacts.filter(({ uri }) => named.has(uri));
    for (const folder of withSources(found, byContent)) folder.runs.push(run);
  }
  const openWrites: OpenWrite[] = [];
  for (const area of AREAS) openWrites.push(...(await store.openWrites(area)));
  return { artifacts, checkpoints, setAside, openWrites };
}

const EMPTY = { byteCount: 0, modifiedMs: 0, manifest: null, contentSha256: null } as const;

async function foldersOf(store: Store, area: (typeof AREAS)[number]): Promise<StoredFolder[]> {
  const folders = new Map<string, StoredFolder>();
  for (const file of await store.entries(area)) {
    const [, stage = '', address = ''] = file.key.split('/');
    const uri = `${area}/${stage}/${address}`;
    const folder = folders.get(uri) ?? { ...EMPTY, uri, stage, files: [], runs: [] };
    folders.set(uri, folder);
    folder.files.push(file);
    folder.byteCount += file.byteCount;
    folder.modifiedMs = Math.max(folder.modifiedMs, file.modifiedMs);
  }
  return [...folders.values()];
}

/** The artifacts, and those that they were made from: their content's hash is among what determines the others. */
function withSources(
  artifacts: readonly StoredFolder[],
  byContent: ReadonlyMap<string, StoredFolder[]>,
): Set<StoredFolder> {
  const found = new Set<StoredFolder>();
  const open = [...artifacts];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    for (const text of textsOf(next.manifest?.determinants ?? null)) open.push(...(byContent.get(text) ?? []));
  }
  return found;
}

/** Folders of artifacts that each run's result or lease names, with the hashes of their contents where it says them. */
async function referencesOf(store: Store, runsFolder: string): Promise<Map<string, Map<string, string>>> {
  const references = new Map<string, Map<string, string>>();
  const add = (run: string, text: string): void => {
    const named = references.get(run) ?? new Map<string, string>();
    references.set(run, named);
    for (const { uri, sha256 } of referencesIn(parsed(text))) named.set(uri, sha256);
  };
  for (const { run, uris } of await readLeases(store)) {
    const named = references.get(run) ?? new Map<string, string>();
    references.set(run, named);
    for (const uri of uris) if (!named.has(uri)) named.set(uri, '');
  }
  for (const { key } of await store.entries(RUNS_AREA))
    add(key.split('/')[1]!, Buffer.from(await store.read(key)).toString('utf8'));
  for (const run of await readdir(runsFolder).catch(() => [])) {
    const text = await readFile(join(runsFolder, run, 'result.json'), 'utf8').catch(() => null);
    if (text !== null) add(run, text);
  }
  return references;
}

/** A result that cannot be read refers to nothing. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** All references to artifacts within a JSON value. */
function* referencesIn(value: unknown): Generator<Pick<ArtifactReference, 'uri' | 'sha256'>> {
  if (value === null || typeof value !== 'object') return;
  const { uri, sha256 } = value as Partial<ArtifactReference>;
  if (typeof uri === 'string' && typeof sha256 === 'string') yield { uri, sha256 };
  for (const item of Object.values(value) as unknown[]) yield* referencesIn(item);
}

/** All texts within a JSON value. */
export function* textsOf(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (value !== null && typeof value === 'object')
    for (const item of Object.values(value) as unknown[]) yield* textsOf(item);
}
