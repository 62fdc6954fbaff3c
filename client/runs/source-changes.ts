// What has changed in a dataset's files since a run read them.
import { InvalidDatasetError } from '../../contracts/failures.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { RowSource } from '../../dataset/rows/row-source.ts';
import { readManifest } from '../../store/artifacts.ts';
import { hashFile } from '../../store/file-hash.ts';
import type { Store } from '../../store/store.ts';

/** Names and hashes of the dataset's files, as the manifest of the rows records them. */
type SourceFiles = readonly (readonly [name: string, sha256: string])[];

/**
 * What of the dataset's files has changed since the last result of a run of the name, in sentences. Rows that stayed
 * keep their gradients in an incremental run alone.
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

/**
 * That the dataset's files are what the run has read: only then its byte ranges are its rows.
 * @throws InvalidDatasetError where a file is another
 */
export async function requireRecordedSources(
  store: Store,
  rows: ArtifactReference,
  sources: readonly Pick<RowSource, 'origin'>[],
): Promise<void> {
  for (const [index, [name, recorded]] of (await sourceFiles(store, rows)).entries()) {
    const hash = await hashFile(sources[index]!.origin);
    if (hash === recorded) continue;
    throw new InvalidDatasetError(
      `${name}: sha256 must be ${recorded.slice(0, 12)}… as the run saw it, got ${hash.slice(0, 12)}…; put that file back, or run again`,
    );
  }
}

/** None where the artifact is gone or is of another version. */
async function sourceFiles(store: Store, rows: ArtifactReference): Promise<SourceFiles> {
  const manifest = await readManifest(store, rows).catch(() => null);
  const source = (manifest?.determinants as { source?: { files?: SourceFiles } } | undefined)?.source;
  return source?.files ?? [];
}
