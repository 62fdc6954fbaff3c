// Artifacts: what a stage has made, whole or not there, with the hashes of its files.
import { createHash } from 'node:crypto';
import { ArtifactMismatchError } from '../contracts/failures.ts';
import { SCHEMA_VERSION } from '../contracts/references.ts';
import type { ArtifactReference, FileReference } from '../contracts/references.ts';
import { STAGE_VERSIONS } from '../contracts/stages.ts';
import type { Stage } from '../contracts/stages.ts';
import { artifactFolder, canonicalJson, checkpointFolder, sha256 } from './addresses.ts';
import type { Store } from './store.ts';

/** Name of an artifact's manifest below its folder. */
export const MANIFEST_NAME = 'artifact.json';

/**
 * `artifact.json`: written last, so its presence means that the artifact is whole. No time, host, attempt or run name.
 */
export interface ArtifactManifest {
  schemaVersion: number;
  stage: Stage;
  stageVersion: number;
  address: string;
  /** What the address is the hash of. */
  determinants: Readonly<Record<string, unknown>>;
  rowCount: number;
  files: FileReference[];
  /** Small results for later stages: counts, numbers per task. */
  details: unknown;
}

/** The artifact of a stage at an address, or null where it is not complete. */
export async function findArtifact(store: Store, stage: Stage, address: string): Promise<ArtifactReference | null> {
  const uri = artifactFolder(stage, address);
  if ((await store.size(`${uri}/${MANIFEST_NAME}`)) === null) return null;
  const bytes = await store.read(`${uri}/${MANIFEST_NAME}`);
  const manifest = parseManifest(bytes, uri);
  return { uri, sha256: contentOf(manifest), rowCount: manifest.rowCount, schemaVersion: SCHEMA_VERSION };
}

/** What a stage says of the artifact that it has written. */
export interface ArtifactContent {
  determinants: object;
  files: FileReference[];
  rowCount: number;
  /** Plain JSON. */
  details: object | null;
}

/**
 * Writes `artifact.json` and removes the stage's checkpoints and what killed writers left: from here on the artifact is
 * complete.
 */
export async function finishArtifact(
  store: Store,
  stage: Stage,
  address: string,
  content: ArtifactContent,
): Promise<ArtifactReference> {
  const uri = artifactFolder(stage, address);
  const manifest: ArtifactManifest = {
    schemaVersion: SCHEMA_VERSION,
    stage,
    stageVersion: STAGE_VERSIONS[stage],
    address,
    ...content,
    determinants: { ...content.determinants },
  };
  const text = `${canonicalJson(manifest)}\n`;
  await store.write(`${uri}/${MANIFEST_NAME}`, [Buffer.from(text)]);
  await store.endWrites(uri);
  await store.removeFolder(checkpointFolder(stage, address));
  return { uri, sha256: contentOf(manifest), rowCount: content.rowCount, schemaVersion: SCHEMA_VERSION };
}

/** Removes what an attempt wrote that slept while another one completed the artifact. */
export async function removeFinishedCheckpoints(store: Store, stage: Stage, address: string): Promise<void> {
  const isComplete = (await store.size(`${artifactFolder(stage, address)}/${MANIFEST_NAME}`)) !== null;
  if (isComplete) await store.removeFolder(checkpointFolder(stage, address));
}

/**
 * The manifest behind a reference.
 * @throws ArtifactMismatchError when the content is not what the reference was made for
 */
export async function readManifest(store: Store, reference: ArtifactReference): Promise<ArtifactManifest> {
  const bytes = await store.read(`${reference.uri}/${MANIFEST_NAME}`);
  const manifest = parseManifest(bytes, reference.uri);
  const found = contentOf(manifest);
  if (found !== reference.sha256) throw mismatch(`${reference.uri}/${MANIFEST_NAME}`, reference.sha256, found);
  return manifest;
}

/** What an artifact says beside its files; its kind of table knows the type. */
export function detailsOf<Details>({ details }: ArtifactManifest): Details {
  return details as Details;
}

/** As {@link detailsOf}, behind a reference. @throws ArtifactMismatchError as `readManifest` */
export async function readDetails<Details>(store: Store, reference: ArtifactReference): Promise<Details> {
  return detailsOf<Details>(await readManifest(store, reference));
}

/**
 * The manifest in a folder, whatever it was made for.
 * @throws Error with code `ENOENT` where the artifact is not complete
 * @throws ArtifactMismatchError where it cannot be read
 */
export async function readManifestAt(store: Store, uri: string): Promise<ArtifactManifest> {
  return parseManifest(await store.read(`${uri}/${MANIFEST_NAME}`), uri);
}

/**
 * Hash of what an artifact holds. What it was made from is left out: equal content from other inputs is the same input.
 */
export function contentOf({ files, rowCount, details }: ArtifactManifest): string {
  return sha256(canonicalJson({ files, rowCount, details }));
}

function parseManifest(bytes: Uint8Array, uri: string): ArtifactManifest {
  const text = Buffer.from(bytes).toString('utf8');
  let manifest: ArtifactManifest;
  try {
    manifest = JSON.parse(text) as ArtifactManifest;
  } catch {
    throw new ArtifactMismatchError(
      `${uri}/${MANIFEST_NAME}: must be JSON, got ${JSON.stringify(text.slice(0, 12))}; delete the artifact's folder and run again`,
    );
  }
  if (manifest.schemaVersion !== SCHEMA_VERSION) {
    throw new ArtifactMismatchError(
      `${uri}: schema version must be ${SCHEMA_VERSION}, got ${manifest.schemaVersion}; use another store`,
    );
  }
  return manifest;
}

/** Streams a file of an artifact; the last piece comes only when the hash of all is right. */
export async function* streamVerified(store: Store, folder: string, file: FileReference): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let held: Uint8Array | null = null;
  for await (const chunk of store.stream(`${folder}/${file.name}`)) {
    hash.update(chunk);
    if (held !== null) yield held;
    held = chunk;
  }
  const found = hash.digest('hex');
  if (found !== file.sha256) throw mismatch(file.name, file.sha256, found);
  if (held !== null) yield held;
}

/** A small file of an artifact as a whole, verified. */
export async function readVerified(store: Store, folder: string, file: FileReference): Promise<Uint8Array> {
  const bytes = await store.read(`${folder}/${file.name}`);
  const found = sha256(bytes);
  if (found !== file.sha256) throw mismatch(file.name, file.sha256, found);
  return bytes;
}

/** The named file of a manifest. @throws ArtifactMismatchError where the artifact has none */
export function fileOf(manifest: ArtifactManifest, name: string): FileReference {
  const file = manifest.files.find((candidate) => candidate.name === name);
  if (file !== undefined) return file;
  throw new ArtifactMismatchError(
    `${manifest.stage}: artifact must hold ${name}, got ${manifest.files.map((other) => other.name).join(', ')}`,
  );
}

function mismatch(name: string, wanted: string, found: string): ArtifactMismatchError {
  return new ArtifactMismatchError(
    `${name}: sha256 must be ${wanted.slice(0, 12)}…, got ${found.slice(0, 12)}…; delete the artifact's folder and run again`,
  );
}
