// Artifacts: what a stage has made, whole or not there, with the hashes of its files.
import { ArtifactMismatchError } from '../contracts/failures.ts';
import { SCHEMA_VERSION } from '../contracts/references.ts';
import type { ArtifactReference, FileReference } from '../contracts/references.ts';
import { STAGE_VERSIONS } from '../contracts/stages.ts';
import type { Stage } from '../contracts/stages.ts';
import { artifactFolder, canonicalJson, checkpointFolder, sha256 } from './addresses.ts';
import { damaged, isMissing, verifiedFile } from './verified.ts';
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
  /** What a reference to the artifact says: the hash of its content. Older manifests have neither hash. */
  contentSha256?: string;
  /** Hash of the manifest without this line. */
  sha256?: string;
}

/**
 * The artifact of a stage at an address, or null where it is not complete.
 * @throws DamagedArtifactError where its manifest has other bytes than were written
 */
export async function findArtifact(store: Store, stage: Stage, address: string): Promise<ArtifactReference | null> {
  const uri = artifactFolder(stage, address);
  const manifest = await manifestAt(store, uri, null);
  if (manifest === null) return null;
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
  const bare: ArtifactManifest = {
    schemaVersion: SCHEMA_VERSION,
    stage,
    stageVersion: STAGE_VERSIONS[stage],
    address,
    ...content,
    determinants: { ...content.determinants },
  };
  const manifest = { ...bare, contentSha256: contentOf(bare) };
  const text = `${canonicalJson({ ...manifest, sha256: sha256(canonicalJson(manifest)) })}\n`;
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
 * @throws DamagedArtifactError when the content is not what the reference was made for, or gone
 */
export async function readManifest(
  store: Store,
  { uri, sha256: expected }: ArtifactReference,
): Promise<ArtifactManifest> {
  const manifest = await manifestAt(store, uri, expected);
  const found = manifest === null ? null : contentOf(manifest);
  if (manifest === null || found !== expected) throw damaged({ uri, name: MANIFEST_NAME, expected, found });
  return manifest;
}

/** What an artifact says beside its files; its kind of table knows the type. */
export function detailsOf<Details>({ details }: ArtifactManifest): Details {
  return details as Details;
}

/** As {@link detailsOf}, behind a reference. @throws DamagedArtifactError as `readManifest` */
export async function readDetails<Details>(store: Store, reference: ArtifactReference): Promise<Details> {
  return detailsOf<Details>(await readManifest(store, reference));
}

/**
 * The manifest in a folder, whatever it was made for; null where the artifact is not complete.
 * @throws DamagedArtifactError where it cannot be read
 */
export function readManifestAt(store: Store, uri: string): Promise<ArtifactManifest | null> {
  return manifestAt(store, uri, null);
}

/**
 * Hash of what an artifact holds. What it was made from is left out: equal content from other inputs is the same input.
 */
export function contentOf({ files, rowCount, details }: ArtifactManifest): string {
  return sha256(canonicalJson({ files, rowCount, details }));
}

/** @param expected hash of the content, for the message */
async function manifestAt(store: Store, uri: string, expected: string | null): Promise<ArtifactManifest | null> {
  const bytes = await store.read(`${uri}/${MANIFEST_NAME}`).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (bytes === null) return null;
  const text = Buffer.from(bytes).toString('utf8');
  const manifest = parseManifest(text);
  if (manifest === null)
    throw damaged({ uri, name: MANIFEST_NAME, expected: expected ?? contentHashIn(text), found: sha256(bytes) });
  if (manifest.schemaVersion !== SCHEMA_VERSION) {
    throw new ArtifactMismatchError(
      `${uri}: schema version must be ${SCHEMA_VERSION}, got ${manifest.schemaVersion}; use another store`,
    );
  }
  return manifest;
}

/** Null for other bytes than were written. Manifests that were written without their hash are taken as they are. */
function parseManifest(text: string): ArtifactManifest | null {
  let manifest: ArtifactManifest | null;
  try {
    manifest = JSON.parse(text) as ArtifactManifest | null;
  } catch {
    return null;
  }
  if (typeof manifest !== 'object' || manifest === null || !Array.isArray(manifest.files)) return null;
  const { sha256: seal, ...rest } = manifest;
  return seal === undefined || seal === sha256(canonicalJson(rest)) ? manifest : null;
}

/** The hash of the content as the bytes of a damaged manifest still say it, or null. */
export function contentHashIn(text: string): string | null {
  return /"contentSha256":"([0-9a-f]{64})"/.exec(text)?.[1] ?? null;
}

/**
 * A folder of this machine with the files of an artifact, for what reads from paths; each was compared with its hash.
 * @throws DamagedArtifactError where a file is gone or has other bytes
 */
export async function verifiedFolder(store: Store, reference: ArtifactReference): Promise<string> {
  const { files } = await readManifest(store, reference);
  const { uri } = reference;
  const folder = await store.localFolder(uri);
  for (const { name, sha256: expected } of files) {
    let found: string | null = null;
    const path = await verifiedFile(store, `${uri}/${name}`, (hash) => (found = hash) === expected);
    if (path === null) throw damaged({ uri, name, expected, found });
  }
  return folder;
}

/** The named file of a manifest. @throws ArtifactMismatchError where the artifact has none */
export function fileOf(manifest: ArtifactManifest, name: string): FileReference {
  const file = manifest.files.find((candidate) => candidate.name === name);
  if (file !== undefined) return file;
  throw new ArtifactMismatchError(
    `${manifest.stage}: artifact must hold ${name}, got ${manifest.files.map((other) => other.name).join(', ')}`,
  );
}
