// The embedded server with a program in Temporal's place: what becomes of its database, and of its words.
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { startEmbeddedServer } from '../../../client/cluster/embedded-server.ts';
import { databaseDamage } from '../../../client/cluster/server-database.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-embedded-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folder: string;
let databasePath: string;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(root, 'run-'));
  databasePath = join(folder, 'temporal.db');
  said = [];
});

/** A database of so many pages, as far as its header says. */
function database(pages: number, byteCount = pages * 4096): Buffer {
  const bytes = Buffer.alloc(Math.max(byteCount, 100));
  bytes.write('SQLite format 3\0', 'latin1');
  bytes.writeUInt16BE(4096, 16);
  bytes.writeUInt32BE(7, 24);
  bytes.writeUInt32BE(pages, 28);
  bytes.writeUInt32BE(7, 92);
  return bytes.subarray(0, byteCount);
}

/** A program that listens as the server does: `before` is shell that runs first, with the database as `$db`. */
function program(before: string): string {
  const path = join(folder, 'server.sh');
  const listen = `require('node:net').createServer((s) => s.end()).listen(process.argv[1], '127.0.0.1')`;
  writeFileSync(
    path,
    `#!/bin/sh\nport=$6\ndb=$8\n${before}\n[ -e "$db" ] || echo new > "$db"\nexec ${process.execPath} -e "${listen}" "$port"\n`,
  );
  chmodSync(path, 0o700);
  return path;
}

const start = (before: string, isFresh: boolean) =>
  startEmbeddedServer({
    program: program(before),
    databasePath,
    withUi: false,
    isFresh,
    say: (text) => said.push(text),
  });
const aside = (): string[] => readdirSync(folder).filter((name) => name.includes('.damaged-'));

describe('a database', () => {
  test.each([
    ['of random bytes', Buffer.alloc(20_000, 'random bytes'), 'other bytes'],
    ['that was emptied', Buffer.alloc(0), 'an empty file'],
    ['cut within its header', database(3).subarray(0, 60), 'other bytes'],
    ['cut behind it', database(3, 5000), '5000 of 12288 bytes'],
  ])('%s is named, renamed and begun anew', async (_, bytes, got) => {
    writeFileSync(databasePath, bytes);
    writeFileSync(`${databasePath}-journal`, 'of the old one');
    const server = await start('', true);
    await server.stop();
    const [name, ...others] = aside();
    expect(others).toEqual([]);
    expect(said).toEqual([
      `${databasePath}: must be the database of an earlier server, got ${got}; it is now ${join(folder, name!)}, the run goes on from its store`,
    ]);
    expect(readFileSync(join(folder, name!)).equals(bytes)).toBe(true);
    expect(readFileSync(databasePath, 'utf8')).toBe('new\n');
    expect(existsSync(`${databasePath}-journal`)).toBe(false);
  });

  test('that is whole stays, and is begun anew where nothing in it is needed', async () => {
    writeFileSync(databasePath, database(3));
    expect(await databaseDamage(databasePath)).toBeNull();
    await (await start('', false)).stop();
    expect(readFileSync(databasePath).equals(database(3))).toBe(true);
    await (await start('', true)).stop();
    expect(readFileSync(databasePath, 'utf8')).toBe('new\n');
    expect([said, aside()]).toEqual([[], []]);
  });

  test('that the server cannot use is named by the server’s words, at once', async () => {
    writeFileSync(databasePath, database(3));
    const words = 'Error: failed creating namespaces: SQL logic error: no such table: namespaces (1)';
    await (await start(`[ ! -e "$db" ] || { echo "${words}" >&2; exit 1; }`, false)).stop();
    expect(said).toEqual([expect.stringContaining('no such table: namespaces (1)')]);
    expect(aside()).toHaveLength(1);
  });

  test('left half-made by a kill in the first moments of its first server is begun anew', async () => {
    const killed = '[ -e "$db.once" ] || { touch "$db.once"; echo half > "$db"; kill -9 $$; }';
    await (await start(killed, true)).stop();
    expect(readFileSync(databasePath, 'utf8')).toBe('new\n');
  });

  test('is its owner’s alone, and so is its folder where it is made', async () => {
    databasePath = join(folder, 'runs/small/temporal.db');
    await (await start('', true)).stop();
    expect(statSync(databasePath).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'runs')).mode & 0o777).toBe(0o700);
  });
});

test('a server that cannot start says why, without a wait', async () => {
  const words = 'Error: failed starting server: no space left on device';
  await expect(start(`echo "${words}" >&2; exit 1`, true)).rejects.toThrow(
    /^temporal: the embedded server must answer within 30 s, got "failed starting server: no space left on device" on port \d+$/,
  );
});
