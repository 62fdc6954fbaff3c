import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FORM_NAMES } from '../../dataset/forms/forms.ts';
import { PACKED_FORMATS, READERS, SOURCE_EXTENSIONS } from '../../dataset/readers/readers.ts';

const FORMATS = [...FORM_NAMES, ...PACKED_FORMATS];

const read = (path: string): string => readFileSync(join(import.meta.dirname, '../..', path), 'utf8');

test('docs/data.md has a line of its table for every value of dataset.format, and for no other', () => {
  const named = [...read('docs/data.md').matchAll(/^\| [^|`]*\(`([^`]+)`\)[^|]*\|/gm)].map(([, name]) => name);
  expect(named).toEqual(FORMATS);
});

test('docs/data.md names every extension of files of rows', () => {
  const written = SOURCE_EXTENSIONS.replace(/\.[\w.]+/g, '`$&`');
  expect(read('docs/data.md').replace(/\s+/g, ' ')).toContain(`the files that end in ${written} are read`);
});

test('names, extensions and first bytes are those of one form or reader alone', () => {
  const all = [
    ['auto', ...FORMATS],
    READERS.map(({ kind }) => kind),
    READERS.flatMap(({ extensions }) => extensions),
    READERS.map(({ magic }) => magic?.text),
  ];
  for (const names of all) expect(new Set(names).size).toBe(names.length);
});
