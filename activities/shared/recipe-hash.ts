// What of a recipe changes results, as a hash: by it runs of one name are told apart.
import type { Config } from '../../contracts/config.ts';
import { withoutLaterKeys } from '../../contracts/later-keys.ts';
import { WITHOUT_EFFECT_ON_RESULTS } from '../../contracts/stage-reads.ts';
import { canonicalJson, sha256 } from '../../store/addresses.ts';

const NAME_HASH_LETTERS = 6;
const MOST_LETTERS = 64;

/** Keys of a recipe that change results, by their paths: names, places and what the report shows are left out. */
export function recipeSettings(config: Config): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [section, keys] of Object.entries(withoutLaterKeys(config)))
    for (const [key, value] of Object.entries(keys as Record<string, unknown>))
      if (!(`${section}.${key}` in WITHOUT_EFFECT_ON_RESULTS)) found.set(`${section}.${key}`, value);
  return found;
}

/** Hash of them, hex. */
export function recipeHash(config: Config): string {
  return sha256(canonicalJson(Object.fromEntries(recipeSettings(config))));
}

/** Name that a run gets when another recipe takes its own: with the beginning of its recipe's hash. */
export function formerName(runName: string, config: Config): string {
  const ending = `-${recipeHash(config).slice(0, NAME_HASH_LETTERS)}`;
  return runName.slice(0, MOST_LETTERS - ending.length) + ending;
}
