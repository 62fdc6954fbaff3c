// Every file of the house begins with one line that says what it is.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDERS = (
  'contracts algorithms workflows activities tables dataset model store report ' +
  'plugins workers client setup bench examples page'
).split(' ');
const LONGEST = 120;

/** The first line of a file's text that is not for the system that starts it. */
function firstLine(text: string): string {
  return text.replace(/^#!.*\n/, '').split('\n', 1)[0]!;
}

describe.each(FOLDERS)('%s', (folder) => {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|mjs)$/.test(path) && !path.includes('node_modules'))
    .sort();

  test('has files', () => {
    expect(files).not.toEqual([]);
  });

  test('every file begins with a line that says what it is', () => {
    const others = files.filter((path) => {
      const line = firstLine(readFileSync(join(ROOT, folder, path), 'utf8'));
      return !/^\/\/ \S/.test(line) || line.length > LONGEST;
    });
    expect(others).toEqual([]);
  });
});
