// Small artifacts for tests that read tables.
import type { ArtifactReference, FileReference } from '../../contracts/references.ts';
import type { Stage } from '../../contracts/stages.ts';
import { artifactFolder, stageAddress } from '../../store/addresses.ts';
import { finishArtifact } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';

/** An artifact of a stage, named by what determines it, with the files that `write` puts into its folder. */
export async function makeArtifact(
  store: Store,
  stage: Stage,
  determinants: object,
  write: (folder: string) => Promise<FileReference[]>,
  details: object | null = null,
): Promise<ArtifactReference> {
  const address = stageAddress(stage, determinants);
  const files = await write(artifactFolder(stage, address));
  const rowCount = files.reduce((sum, file) => sum + file.rowCount, 0);
  return finishArtifact(store, stage, address, { determinants, files, rowCount, details });
}
