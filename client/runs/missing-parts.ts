// What of a run found elsewhere this machine cannot read, in sentences.
import { stat } from 'node:fs/promises';
import type { RunResult } from '../../contracts/messages/run.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { MANIFEST_NAME } from '../../store/artifacts.ts';
import { hasScheme, openStore } from '../../store/open-store.ts';

/** Nothing where all of it can be looked at: its artifacts in the store, and the files of its dataset. */
export async function missingParts(result: RunResult): Promise<string[]> {
  return [...(await missingArtifacts(result)), ...(await missingFiles(result))];
}

async function missingArtifacts(result: RunResult): Promise<string[]> {
  const { uri } = result.config.store;
  const parts = partsOf(result);
  const store = openStore(uri);
  const missing: string[] = [];
  try {
    if (!hasScheme(uri)) await stat(uri);
    for (const [name, reference] of parts)
      if ((await store.size(`${reference.uri}/${MANIFEST_NAME}`)) === null) missing.push(name);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [`its ${namesOf(parts)} lie in ${uri}, which cannot be read here (${why}); --store names it where it can`];
  }
  if (missing.length === 0) return [];
  return [`the store ${uri} has no ${missing.join(', ')} of it any more; tive run RECIPE makes them again`];
}

function namesOf(parts: readonly [string, ArtifactReference][]): string {
  return parts.map(([name]) => name).join(', ');
}

function partsOf({ dataset, gradients, values, methods, report }: RunResult): [string, ArtifactReference][] {
  const [first = null] = methods;
  const parts: [string, ArtifactReference | undefined][] = [
    ['rows', dataset?.rows],
    ['gradients', gradients?.gradients],
    ['values', values?.values],
    ['selection', first?.selection?.selection],
    ['report', report?.report],
  ];
  return parts.flatMap(([name, reference]) => (reference === undefined ? [] : [[name, reference]]));
}

async function missingFiles({ config }: RunResult): Promise<string[]> {
  const { path, imageFolder } = config.dataset;
  const said: string[] = [];
  for (const each of path)
    if (!(await isHere(each)))
      said.push(`dataset.path: ${each} is not on this machine, so its rows have no texts here`);
  for (const each of [imageFolder ?? []].flat())
    if (!(await isHere(each)))
      said.push(`dataset.image_folder: ${each} is not on this machine, so its pictures are not shown`);
  return said;
}

async function isHere(path: string): Promise<boolean> {
  return hasScheme(path) || (await stat(path).catch(() => null)) !== null;
}
