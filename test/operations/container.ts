import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

const root = join(import.meta.dirname, '../..');

/** A file of the repository as text. */
export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Documents of a YAML file, merge keys and anchors resolved. */
export function readYaml(path: string): unknown[] {
  return parseAllDocuments(readText(path), { merge: true }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0]!;
    return document.toJS() as unknown;
  });
}

/** One instruction of a Dockerfile, continuation lines joined. */
export interface Instruction {
  name: string;
  rest: string;
}

export function readDockerfile(path: string): Instruction[] {
  return readText(path)
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [name = '', ...rest] = line.trim().split(/\s+/);
      return { name: name.toUpperCase(), rest: rest.join(' ') };
    });
}

/** Milliseconds of `180s`, `2m`. */
export function milliseconds(text: string): number {
  const [, count, unit] = /^(\d+)(s|m)$/.exec(text) ?? [];
  if (count === undefined) throw new Error(`duration: must be seconds or minutes, got "${text}"`);
  return Number(count) * (unit === 'm' ? 60_000 : 1000);
}

/** Whether an image is named by a tag that does not move: `name:1.2.3`, not `latest`, not `22`. */
export function isPinned(image: string): boolean {
  return /:v?\d+\.\d+\.\d+[a-z0-9.-]*(@sha256:[0-9a-f]{64})?$/.test(image);
}
