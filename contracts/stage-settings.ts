// The part of the recipe that a stage's address covers.
import type { Config } from './config.ts';
import { LATER_KEYS, STAGE_READS } from './stage-reads.ts';
import type { ConfigPath, ReadGroup, StageReads } from './stage-reads.ts';

type ValueAt<Path> = Path extends `${infer Section extends keyof Config}.${infer Key}`
  ? Key extends keyof Config[Section]
    ? Config[Section][Key]
    : never
  : never;
type KeyOf<Path> = Path extends `${string}.${infer Key}` ? Key : never;
type ValueOf<Group> = Group extends ConfigPath
  ? ValueAt<Group>
  : Group extends readonly ConfigPath[]
    ? { [Path in Group[number] as KeyOf<Path>]: ValueAt<Path> }
    : { -readonly [Name in keyof Group]: ValueAt<Group[Name]> };

/** What a stage's address says of the recipe. */
export type StageSettings<Reader extends keyof StageReads> = {
  -readonly [Name in keyof StageReads[Reader]]: ValueOf<StageReads[Reader][Name]>;
};

/** Values of the keys that a stage reads, in the layout of its address; {@link LATER_KEYS} where they do something. */
export function settingsOf<Reader extends keyof StageReads>(reader: Reader, config: Config): StageSettings<Reader> {
  const groups: [string, ReadGroup][] = Object.entries(STAGE_READS[reader]);
  const said = groups.filter(([, group]) => typeof group !== 'string' || !doesNothing(group, config));
  // The layout is walked by name, which types cannot follow.
  return Object.fromEntries(said.map(([name, group]) => [name, valueOf(group, config)])) as StageSettings<Reader>;
}

/** A config without {@link LATER_KEYS} that do nothing in it, to be compared with one from before they came. */
export function withoutLaterKeys(config: Config): Config {
  const sections = Object.entries(config).map(([section, keys]: [string, object]) => [
    section,
    Object.fromEntries(Object.entries(keys).filter(([key]) => !doesNothing(`${section}.${key}` as ConfigPath, config))),
  ]);
  // Sections keep their names, and lose only keys that need not be there.
  return Object.fromEntries(sections) as Config;
}

function doesNothing(path: ConfigPath, config: Config): boolean {
  if (!(path in LATER_KEYS)) return false;
  const value = valueAt(path, config);
  return value === undefined || value === new Map<string, unknown>(Object.entries(LATER_KEYS)).get(path);
}

function valueOf(group: ReadGroup, config: Config): unknown {
  if (typeof group === 'string') return valueAt(group, config);
  const named = isList(group) ? group.map((path) => [path.split('.')[1]!, path] as const) : Object.entries(group);
  const said = named.filter(([, path]) => !doesNothing(path, config));
  return Object.fromEntries(said.map(([name, path]) => [name, valueAt(path, config)]));
}

function isList(group: Exclude<ReadGroup, string>): group is readonly ConfigPath[] {
  return Array.isArray(group);
}

function valueAt(path: ConfigPath, config: Config): unknown {
  const [section, key] = path.split('.') as [keyof Config, string];
  return new Map(Object.entries(config[section])).get(key);
}
