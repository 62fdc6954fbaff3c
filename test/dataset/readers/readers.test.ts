import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isSourceName, readerOf } from '../../../dataset/readers/reader-of.ts';
import { READERS, SOURCE_EXTENSIONS, SOURCE_FILES } from '../../../dataset/readers/readers.ts';
import { writeBelow } from '../small-folder.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tive-readers-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe.each(READERS)('the reader of $kind', ({ kind, extensions, magic }) => {
  test('is told by its first bytes whatever the name says', async () => {
    const head = magic === null ? '[]' : `${' '.repeat(magic.place)}${magic.text}`;
    const bytes = Buffer.from(head, 'latin1');
    for (const name of ['rows.json', 'rows.tar', 'rows']) {
      expect((await readerOf(await writeBelow(folder, name, bytes))).kind).toBe(kind);
    }
  });

  test('has files of rows by their extensions, but for those that stand beside rows', () => {
    for (const extension of extensions) {
      expect(isSourceName(`rows.${extension}`)).toBe(true);
      expect(isSourceName(`rows.${extension}.md`)).toBe(false);
      expect(isSourceName(`._rows.${extension}`)).toBe(false);
    }
  });
});

test('messages and help name the files of every reader', () => {
  const extensions = READERS.flatMap((reader) => reader.extensions.map((extension) => `.${extension}`));
  expect(SOURCE_EXTENSIONS).toMatch(/^\.json, \.jsonl, .* or \.[a-z]+$/);
  expect(SOURCE_EXTENSIONS.split(/, | or /)).toEqual(extensions);
  expect(SOURCE_FILES).toMatch(/^JSON arrays, JSON lines, Parquet, /);
});

/** Packages that a file loads with all that it imports at once. */
function packagesOf(path: string, seen = new Set<string>()): string[] {
  if (seen.has(path)) return [];
  seen.add(path);
  const imports = readFileSync(path, 'utf8').matchAll(/^(?:import|export) (?!type\b)[^;]*?from '([^']+)';/gms);
  return [...imports].flatMap(([, name]) => {
    if (name!.startsWith('node:')) return [];
    return name!.startsWith('.') ? packagesOf(join(dirname(path), name!), seen) : [name!];
  });
}

test('the lists of readers and forms load no package, and the readers that they open do', () => {
  const light = ['readers/readers.ts', 'readers/reader-of.ts', 'forms/forms.ts'];
  expect(light.flatMap((file) => packagesOf(`dataset/${file}`))).toEqual([]);
  expect(packagesOf('dataset/readers/tar-rows.ts')).toContain('modern-tar');
  expect(packagesOf('dataset/readers/parquet-rows.ts')).toContain('hyparquet');
  expect(packagesOf('dataset/readers/arrow-rows.ts')).toContain('apache-arrow');
  expect(packagesOf('dataset/readers/compressed-rows.ts')).toContain('fzstd');
});
