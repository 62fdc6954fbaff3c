// The part of the recipe that a stage's address covers.
import type { Config } from './config.ts';
import { doesNothing } from './later-keys.ts';
import { STAGE_READS } from './stage-reads.ts';
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

/** Values of the keys that a stage reads, in the layout of its address; later keys where they do something. */
export function settingsOf<Reader extends keyof StageReads>(reader: Reader, config: Config): StageSettings<Reader> {
  const groups: [string, ReadGroup][] = Object.entries(STAGE_READS[reader]);
  const said = groups.filter(([, group]) => typeof group !== 'string' || !isLeftOut(group, config));
  // The layout is walked by name, which types cannot follow.
  return Object.fromEntries(said.map(([name, group]) => [name, valueOf(group, config)])) as StageSettings<Reader>;
}

function isLeftOut(path: ConfigPath, config: Config): boolean {
  return doesNothing(path, valueAt(path, config));
}

function valueOf(group: ReadGroup, config: Config): unknown {
  if (typeof group === 'string') return valueAt(group, config);
  const named = isList(group) ? group.map((path) => [path.split('.')[1]!, path] as const) : Object.entries(group);
  const said = named.filter(([, path]) => !isLeftOut(path, config));
  return Object.fromEntries(said.map(([name, path]) => [name, valueAt(path, config)]));
}

function isList(group: Exclude<ReadGroup, string>): group is readonly ConfigPath[] {
  return Array.isArray(group);
}

function valueAt(path: ConfigPath, config: Config): unknown {
  const [section, key] = path.split('.') as [keyof Config, string];
  return new Map(Object.entries(config[section])).get(key);
}
