import type { RunResult } from '../contracts/messages.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import { readManifest } from '../store/artifacts.ts';
import type { Store } from '../store/store.ts';

/** Names and hashes of the dataset's files, as the manifest of the rows records them. */
type SourceFiles = readonly (readonly [name: string, sha256: string])[];

/**
 * What of the dataset's files has changed since the last result of a run of the name, in sentences. Rows that stayed keep
 * their gradients in an incremental run alone.
 */
export async function sourceChanges(store: Store, before: RunResult | null, after: RunResult): Promise<string[]> {
  if (before === null || before.dataset === null || after.dataset === null) return [];
  const then = new Map(await sourceFiles(store, before.dataset.rows));
  const changed = (await sourceFiles(store, after.dataset.rows)).filter(
    ([name, hash]) => then.has(name) && then.get(name) !== hash,
  );
  return changed.map(
    ([name, hash]) =>
      `${name}: sha256 must be ${then.get(name)!.slice(0, 12)}… as recorded, got ${hash.slice(0, 12)}…; new and changed rows get new gradients`,
  );
}

/** None where the artifact is gone or is of another version. */
async function sourceFiles(store: Store, rows: ArtifactReference): Promise<SourceFiles> {
  const manifest = await readManifest(store, rows).catch(() => null);
  const source = (manifest?.determinants as { source?: { files?: SourceFiles } } | undefined)?.source;
  return source?.files ?? [];
}
