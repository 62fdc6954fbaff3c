// Chosen rows as a list beside the page's recipes, and a recipe that leaves them out.
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { stringify } from 'yaml';
import { excludedList } from '../../client/export/excluded-list.ts';
import type { NamedRun } from '../../client/runs/find-run.ts';
import { hint } from '../../client/terminal/own-command.ts';
import { withDiskNames } from '../../contracts/disk-names.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { plural } from '../../report/format.ts';
import { LocalStore } from '../../store/local-store.ts';
import type { Excluded } from '../api.ts';
import { RefusedError } from './problems.ts';
import type { ChosenRows } from './row-answers.ts';

/** Letters of a run's name, and of the hash, in names that are made of both. */
const NAME_LETTERS = 48;
const HASH_LETTERS = 6;

/**
 * Writes the list; the same rows are the same file.
 * @param folder of the page's recipes
 * @throws RefusedError where none of the rows can be used
 */
export async function excludeRows(
  folder: string,
  { runName, folder: { path } }: NamedRun,
  result: RunResult,
  { rows, setAsideCount }: ChosenRows,
): Promise<Excluded> {
  const { bytes, count, unusableCount } = await excludedList(result, rows);
  if (count === 0) throw new RefusedError(400, 'rows: at least one chosen row must be usable, got none');
  const hash = createHash('sha256');
  for (const part of bytes) hash.update(part);
  const name = `${runName.slice(0, NAME_LETTERS)}-without-${hash.digest('hex').slice(0, HASH_LETTERS)}`;
  const file = `${name}.txt`;
  await new LocalStore(folder).write(file, bytes);
  const shown = relative(process.cwd(), join(folder, file));
  const unusable = setAsideCount + unusableCount;
  const others = unusable === 0 ? '' : `, beside ${plural(unusable, 'row')} that cannot be used`;
  return {
    message: `${shown}  ${plural(count, 'row')} to leave out${others}`,
    recipe: {
      name: `${name}.yaml`,
      text: await recipeWithout(folder, join(path, 'recipe.resolved.yaml'), result, name, file),
    },
    command: hint('select', runName, `dataset.exclude_rows=${shown}`),
  };
}

/** The run's recipe with a name and a list of its own: by its file, where the folder of the run is here. */
async function recipeWithout(
  folder: string,
  recipe: string,
  { config }: RunResult,
  name: string,
  file: string,
): Promise<string> {
  const isHere = (await stat(recipe).catch(() => null)) !== null;
  if (isHere) return stringify({ extends: relative(folder, recipe), run: { name }, dataset: { exclude_rows: file } });
  const { run, dataset } = config;
  return stringify(withDiskNames({ ...config, run: { ...run, name }, dataset: { ...dataset, excludeRows: file } }));
}
