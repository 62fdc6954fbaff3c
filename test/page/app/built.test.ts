// The built page: its size, and nothing in it that a strict policy would refuse.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

const FOLDER = fileURLToPath(new URL('../../../dist/page-app', import.meta.url));

const files = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name));

test('all of it is at most 400 kB, compressed', () => {
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThanOrEqual(400_000);
});

test('its document has no script and no style of its own, and asks for files beside it alone', () => {
  const html = readFileSync(join(FOLDER, 'index.html'), 'utf8');
  expect(html).not.toMatch(/<style|\sstyle=|\son\w+=/i);
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)/i);
  const asked = [...html.matchAll(/\s(?:src|href)="([^"]*)"/g)].map(([, address]) => address!);
  expect(asked.length).toBeGreaterThanOrEqual(3);
  for (const address of asked) expect(address).toMatch(/^\.\/assets\//);
});

test('its script makes no markup of texts and evaluates none', () => {
  const script = files.filter((file) => file.endsWith('.js')).map((file) => readFileSync(file, 'utf8'));
  for (const text of script) expect(text).not.toMatch(/\beval\(|new Function\(|insertAdjacentHTML|document\.write/);
});
