// Data paths of a recipe as files: a folder, numbers in braces, or a file.
import { existsSync, statSync } from 'node:fs';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { readDataFolder } from '../../dataset/readers/data-folder.ts';
import { hasSourceExtension, SOURCE_EXTENSIONS } from '../../dataset/readers/readers.ts';
import { isS3 } from '../../store/s3-client.ts';

/** The files that a data path stands for. */
export interface DataFiles {
  files: string[];
  /** What a person should know of them: entries of a folder that are not read. */
  notes: string[];
}

/** Entries of a folder that are named. */
const NAMED_ENTRIES = 20;

/**
 * The files of rows of a folder in the order of their names; numbers in braces as the files that they name; a file is
 * itself.
 * @param key of the recipe, for messages
 */
export function findDataFiles(path: string, key: 'dataset.path' | 'evaluation.path' | 'data inspect'): DataFiles {
  const range = /^(.*)\{(\d+)\.\.(\d+)\}(.*)$/s.exec(path);
  if (range !== null) {
    const found = numbered(key, range[1]!, range[2]!, range[3]!, range[4]!).map((name) => findDataFiles(name, key));
    return { files: found.flatMap(({ files }) => files), notes: found.flatMap(({ notes }) => notes) };
  }
  if (isS3(path) && !hasSourceExtension(path)) {
    throw new InvalidConfigError(`${key}: in a bucket ${SOURCE_EXTENSIONS} files must be named, got "${path}"`);
  }
  if (isS3(path) || !existsSync(path) || !statSync(path).isDirectory()) return { files: [path], notes: [] };
  const { files, skipped } = readDataFolder(path);
  if (files.length === 0) {
    const held = skipped.length === 0 ? 'none' : shown(skipped);
    throw new InvalidConfigError(
      `${key}: folder must hold ${SOURCE_EXTENSIONS} files, got ${held} in "${path}"${nameOne(skipped)}`,
    );
  }
  if (skipped.length === 0) return { files, notes: [] };
  return {
    files,
    notes: [
      `${key}: of "${path}" ${files.length === 1 ? '1 is' : `${files.length} files are`} read, not read: ${shown(skipped)}${nameOne(skipped)}`,
    ],
  };
}

/** What to do about folders that hold rows: splits of a saved dataset for instance. */
function nameOne(skipped: readonly string[]): string {
  return skipped.some((entry) => /\/ \(.* of rows\)$/.test(entry)) ? '; name a folder in path to read its rows' : '';
}

function shown(entries: readonly string[]): string {
  const rest = entries.length - NAMED_ENTRIES;
  return [...entries.slice(0, NAMED_ENTRIES), ...(rest > 0 ? [`and ${rest} more`] : [])].join(', ');
}

const MOST_FILES = 100_000;

/** `shard-{00000..00004}.tar` as its five names: numbers keep the width of the first. */
function numbered(key: string, before: string, first: string, last: string, after: string): string[] {
  const count = Number(last) - Number(first) + 1;
  if (!(count >= 1 && count <= MOST_FILES)) {
    throw new InvalidConfigError(`${key}: numbers in braces must rise, got "{${first}..${last}}"`);
  }
  return Array.from(
    { length: count },
    (_, index) => `${before}${String(Number(first) + index).padStart(first.length, '0')}${after}`,
  );
}
