// A stage's output in the store: where it lies, whether it is there, and the one way in which it is made.
import type { ArtifactReference, FileReference } from '../../contracts/references.ts';
import type { Stage } from '../../contracts/stages.ts';
import { artifactFolder, stageAddress } from '../../store/addresses.ts';
import { detailsOf, findArtifact, finishArtifact, readManifest } from '../../store/artifacts.ts';
import type { ByteChunks, Store } from '../../store/store.ts';

/** Where a stage's output lies, by all that determines it. */
export interface OutputPlace {
  stage: Stage;
  determinants: object;
  address: string;
  /** Folder of the artifact. */
  folder: string;
}

/** A finished output. */
export interface StageOutput<Details> {
  reference: ArtifactReference;
  details: Details;
  /** Whether it was there already. */
  cached: boolean;
}

/** What a stage has written below its folder. */
export interface WrittenOutput<Details> {
  files: FileReference[];
  details: Details;
}

export function outputPlace(stage: Stage, determinants: object): OutputPlace {
  const address = stageAddress(stage, determinants);
  return { stage, determinants, address, folder: artifactFolder(stage, address) };
}

/** The output where it is complete, or null. */
export async function findOutput<Details extends object | null>(
  store: Store,
  { stage, address }: Pick<OutputPlace, 'stage' | 'address'>,
): Promise<StageOutput<Details> | null> {
  const reference = await findArtifact(store, stage, address);
  if (reference === null) return null;
  return { reference, details: detailsOf<Details>(await readManifest(store, reference)), cached: true };
}

/** Makes what was written complete. */
export async function finishOutput<Details extends object | null>(
  store: Store,
  { stage, address, determinants }: OutputPlace,
  { files, details }: WrittenOutput<Details>,
): Promise<StageOutput<Details>> {
  const rowCount = files.reduce((sum, file) => sum + file.rowCount, 0);
  const reference = await finishArtifact(store, stage, address, { determinants, files, rowCount, details });
  return { reference, details, cached: false };
}

/** The output as it is there, or made now: address → find → compute → finish. */
export async function makeOutput<Details extends object | null>(
  store: Store,
  place: OutputPlace,
  make: () => Promise<WrittenOutput<Details>>,
): Promise<StageOutput<Details>> {
  return (await findOutput<Details>(store, place)) ?? (await finishOutput(store, place, await make()));
}

/** Writes a file without rows below the output's folder. */
export async function writeFile(
  store: Store,
  { folder }: OutputPlace,
  name: string,
  content: string | Uint8Array | ByteChunks,
): Promise<FileReference> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const chunks = bytes instanceof Uint8Array ? [bytes] : bytes;
  return { name, rowCount: 0, ...(await store.write(`${folder}/${name}`, chunks)) };
}
