import type { GradientsConfig } from '../contracts/config.ts';
import { ArtifactMismatchError } from '../contracts/failures.ts';
import type { ArtifactReference, FileReference } from '../contracts/references.ts';
import { readManifest } from '../store/artifacts.ts';
import type { Store } from '../store/store.ts';

/** What a gradient artifact says about itself. */
export interface GradientDetails {
  /** Width k of the stored gradients. */
  sketch: number;
  storage: GradientsConfig['storage'];
  parameterCount: number;
  quarantined: { reason: string; count: number }[];
}

/** One shard of a gradient table. */
export interface GradientFile {
  /** Folder of the artifact. */
  uri: string;
  file: FileReference;
  storage: GradientsConfig['storage'];
}

/** Gradient artifacts as one table: table by table, shard by shard, in order. */
export interface GradientTable {
  /** Width k of the stored gradients. */
  sketch: number;
  files: GradientFile[];
}

/** @throws ArtifactMismatchError where the artifacts have other projections */
export async function openGradientTable(
  store: Store,
  references: readonly ArtifactReference[],
): Promise<GradientTable> {
  let sketch: number | null = null;
  const files: GradientFile[] = [];
  for (const reference of references) {
    const manifest = await readManifest(store, reference);
    const details = manifest.details as unknown as GradientDetails;
    sketch ??= details.sketch;
    if (sketch !== details.sketch) {
      throw new ArtifactMismatchError(
        `${reference.uri}: sketch must be ${sketch}, got ${details.sketch}; use another store`,
      );
    }
    files.push(...manifest.files.map((file) => ({ uri: reference.uri, file, storage: details.storage })));
  }
  return { sketch: sketch!, files };
}
