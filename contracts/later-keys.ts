// Keys of the config that came after artifacts had been made: where they do nothing, all is as before they came.
import type { Config } from './config.ts';
import type { ConfigPath } from './stage-reads.ts';

/** The value of each that does what was done before: with it, or without the key, they are in no address. */
export const LATER_KEYS = {
  'dataset.excludeRows': null,
  'warmup.trajectory': 0,
  'gradients.preconditioner': 'none',
  'allocation.augment': 'none',
  'selection.nearDuplicateWeight': null,
  'selection.queryCheckpoints': 'last',
  'evaluation.generate': false,
  'evaluation.answerTokens': 32,
  'evaluation.scorers': null,
  'benchmark.lds': 0,
} as const satisfies { readonly [Path in ConfigPath]?: string | number | boolean | null };

const NOTHING = new Map<string, unknown>(Object.entries(LATER_KEYS));

/** Whether a later key stands at the value that does nothing, or is not there. */
export function doesNothing(path: string, value: unknown): boolean {
  return NOTHING.has(path) && (value === undefined || value === NOTHING.get(path));
}

/** A config without {@link LATER_KEYS} that do nothing in it, to be compared with one from before they came. */
export function withoutLaterKeys(config: Config): Config {
  const sections = Object.entries(config).map(([section, keys]: [string, object]) => [
    section,
    Object.fromEntries(Object.entries(keys).filter(([key, value]) => !doesNothing(`${section}.${key}`, value))),
  ]);
  // Sections keep their names, and lose only keys that need not be there.
  return Object.fromEntries(sections) as Config;
}
