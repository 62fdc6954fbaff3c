// The built front-end: its files by name, read once, so that no request names a path.
import { readFile, readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';

/** A file of the front-end. */
export interface AppFile {
  type: string;
  bytes: Uint8Array<ArrayBuffer>;
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json',
  svg: 'image/svg+xml',
  png: 'image/png',
  webp: 'image/webp',
  ico: 'image/x-icon',
  woff2: 'font/woff2',
};

/** Files below the folder by their addresses, `/assets/index.js`; `index.html` is `/` too. None: it is not built. */
export async function readAppFiles(folder: string): Promise<ReadonlyMap<string, AppFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = new Map<string, AppFile>();
  for (const entry of entries) {
    const type = TYPES[entry.name.split('.').at(-1) ?? ''];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    const address = path.slice(folder.length).split(sep).join('/');
    files.set(address, { type, bytes: new Uint8Array(await readFile(path)) });
  }
  const index = files.get('/index.html');
  if (index !== undefined) files.set('/', index);
  return files;
}

/** What stands in place of a front-end that is not built. */
export const NOT_BUILT = `<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <title>tive</title>
  <h1>The page is not built</h1>
  <p>Its server answers below /api; the page itself is missing in dist/page-app. In a checkout, npm run build makes it.</p>
</html>
`;
