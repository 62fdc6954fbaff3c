// What tells recipes apart: a hash of all that changes results, and what differs in words.
import { basename } from 'node:path';
import { recipeHash, recipeSettings } from '../../activities/shared/recipe-hash.ts';
import type { Config } from '../../contracts/config.ts';
import { withDiskNames } from '../../contracts/disk-names.ts';
import type { Stage } from '../../contracts/stages.ts';
import { withoutLaterKeys } from '../../contracts/later-keys.ts';
import { canonicalJson, sha256 } from '../../store/addresses.ts';

/** What a run says of its recipe: it stands in the memo of its workflow. */
export interface RecipeMark {
  /** Hash of what changes results. */
  sha256: string;
  /** File of the recipe as it was given, without folders; null where there was none. */
  file: string | null;
  /** Last stage that was asked for. */
  until: Stage;
  /** For lists: what it selects from and how; marks of older versions do not say. */
  dataset?: string;
  method?: string;
}

/** Name of the mark in the memo of a workflow. */
export const MARK_KEY = 'tiveRecipe';

const HASH_LETTERS = 12;
const MOST_DIFFERENCES = 3;
const MOST_CHARACTERS = 40;

/** Hash of a benchmark: its recipe, and which runs are made of it. */
export function benchmarkHash(config: Config): string {
  return sha256(canonicalJson({ recipe: recipeHash(config), benchmark: withoutLaterKeys(config).benchmark }));
}

/** Keys whose values differ, as recipes have them: `selection.lambda 3, now 1`. */
export function recipeDifferences(then: Config, now: Config): string {
  const [before, after] = [recipeSettings(then), recipeSettings(now)];
  const text = (value: unknown): string => {
    const whole = canonicalJson(withDiskNames(value ?? null));
    return whole.length > MOST_CHARACTERS ? `${whole.slice(0, MOST_CHARACTERS)}…` : whole;
  };
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (key) => canonicalJson(before.get(key) ?? null) !== canonicalJson(after.get(key) ?? null),
  );
  const words = changed.map((key) => `${diskName(key)} ${text(before.get(key))}, now ${text(after.get(key))}`);
  const more = words.length > MOST_DIFFERENCES ? [`${words.length - MOST_DIFFERENCES} more`] : [];
  return [...words.slice(0, MOST_DIFFERENCES), ...more].join('; ');
}

function diskName(path: string): string {
  return path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The files of a dataset as lists name them. */
export function datasetName(paths: readonly string[]): string {
  const [first = ''] = paths;
  return paths.length === 1 ? basename(first) : `${basename(first)} and ${paths.length - 1} more`;
}

/** A recipe by its file and hash. */
export function markText({ file, sha256: hash }: RecipeMark): string {
  return `${file === null ? 'a recipe' : file} (sha256 ${hash.slice(0, HASH_LETTERS)}…)`;
}
