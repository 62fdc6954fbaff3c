// What an earlier recipe of the same name has left in a run's folder: kept under a name of its own.
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config } from '../../contracts/config.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { formerName, recipeHash } from '../../activities/shared/recipe-hash.ts';
import { recipeDifferences } from './recipe-mark.ts';
import type { RunFolder } from './run-folder.ts';

/** Files of the command that is at work. */
const LIVE = /^(log\.jsonl|server\.json|temporal\.db.*)$/;

const HASH_LETTERS = 6;

/**
 * Moves the result of another recipe, with its report and exports, to a run's folder of its own.
 * @returns what was moved where, in a sentence; null where the folder has no result, or one of this recipe
 */
export async function keepFormer({ path, result }: RunFolder, runName: string, now: Config): Promise<string | null> {
  const former = await result().catch(() => null);
  if (former === null || recipeHash(former.config) === recipeHash(now)) return null;
  const name = formerName(runName, former.config);
  const target = join(dirname(path), name);
  await mkdir(target, { recursive: true, mode: 0o700 });
  for (const entry of await readdir(path)) {
    if (LIVE.test(entry)) continue;
    await rm(join(target, entry), { recursive: true, force: true });
    await rename(join(path, entry), join(target, entry));
  }
  return `${runName} had the result of another recipe (${recipeDifferences(former.config, now)}): it is now run ${name}`;
}

/** Folder of a run's exports. */
export const EXPORT_FOLDER = 'export';

/** Folder of exports of rows that a person has picked. */
export const OWN_EXPORT_FOLDER = 'export-rows';

/** File in it with their indexes, as a JSON list. */
export const OWN_ROWS_FILE = 'rows.json';

/**
 * Renames the exports of an earlier selection, so that they do not lie beside another one unmarked.
 * @returns what was renamed, in a sentence; null where nothing was
 */
export async function markFormerExports({ path, result }: RunFolder, now: RunResult): Promise<string | null> {
  const former = selectionOf(await result().catch(() => null));
  const exports = join(path, EXPORT_FOLDER);
  if (former === null || former === selectionOf(now) || (await stat(exports).catch(() => null)) === null) return null;
  const target = `${exports}-of-${former.slice(0, HASH_LETTERS)}`;
  await rm(target, { recursive: true, force: true });
  await rename(exports, target);
  return `${exports}: exports of the selection before this one, now ${target}`;
}

function selectionOf(result: RunResult | null): string | null {
  return result?.methods[0]?.selection?.selection.sha256 ?? null;
}
