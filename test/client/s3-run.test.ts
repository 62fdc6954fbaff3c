import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { S3Store } from '../../store/s3-store.ts';
import { ACCESS_KEY, INSTALL_TIMEOUT_MS, SECRET_KEY, startS3Server } from '../store/s3-server.ts';
import type { S3Server } from '../store/s3-server.ts';
import { writeSmallDataset } from './small-dataset.ts';
import { hashesOf, tive } from './tive-process.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-s3-run-'));
let server: S3Server | string;

beforeAll(async () => {
  server = await startS3Server();
  if (typeof server === 'string') return;
  // What is brought to this machine goes below the test's own folder.
  for (const [name, value] of Object.entries({ ...server.environment, TMPDIR: root })) vi.stubEnv(name, value);
}, INSTALL_TIMEOUT_MS);
beforeEach((context) => {
  if (typeof server === 'string') context.skip(server);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  if (typeof server !== 'string') await server.stop();
  rmSync(root, { recursive: true, force: true });
});

function freshFolder(name: string): string {
  const folder = join(root, name);
  mkdirSync(folder);
  writeSmallDataset(folder);
  return folder;
}

/** Hashes of the files with the name below a stage in the bucket, sorted. */
async function hashesInBucket(store: S3Store, stage: string, name: string): Promise<string[]> {
  const keys = (await store.list(`artifacts/${stage}`)).filter((key) => key.endsWith(`/${name}`));
  const values = await Promise.all(keys.map((key) => store.read(key)));
  return values.map((value) => createHash('sha256').update(value).digest('hex')).sort();
}

test('a run on a bucket gives the bytes of a run on a folder, resumes, and exports', async () => {
  const { bucket } = server as S3Server;
  const uri = `s3://${bucket}/team/store`;
  const [local, remote] = [freshFolder('local'), freshFolder('remote')];
  const first = await tive(local, 'run', 'recipe.yaml', '--until', 'selection');
  expect(first.exitCode, first.stderr).toBe(0);
  const second = await tive(remote, 'run', 'recipe.yaml', `store.uri=${uri}`, '--until', 'selection');
  expect(second.exitCode, second.stderr).toBe(0);

  const store = new S3Store(uri);
  for (const [stage, name] of [
    ['values', 'values.arrow'],
    ['selection', 'selection.arrow'],
    ['warmup', 'adapter_model.safetensors'],
  ] as const) {
    const wanted = hashesOf(join(local, 'tive-store'), stage, name);
    expect(wanted).not.toEqual([]);
    expect(await hashesInBucket(store, stage, name)).toEqual(wanted);
  }
  expect(existsSync(join(remote, 'tive-store'))).toBe(false);
  expect(await store.list('checkpoints')).toEqual([]);

  const again = await tive(remote, 'run', 'recipe.yaml', `store.uri=${uri}`, '--until', 'selection');
  expect(again.stderr).toContain('gradients: cached');
  const exported = await tive(remote, 'export', 'small', '--to', 'llava');
  expect(exported.exitCode, exported.stderr).toBe(0);

  // Neither credentials nor the server's address are in anything that the run left.
  const written = readdirSync(remote, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(written.length).toBeGreaterThan(5);
  for (const { parentPath, name } of written) {
    const text = readFileSync(join(parentPath, name), 'latin1');
    for (const secret of [ACCESS_KEY, SECRET_KEY]) expect(text.includes(secret), `${name}: ${secret}`).toBe(false);
  }
  for (const key of await store.list('artifacts')) {
    const text = Buffer.from(await store.read(key)).toString('latin1');
    for (const secret of [ACCESS_KEY, SECRET_KEY]) expect(text.includes(secret), `${key}: ${secret}`).toBe(false);
  }
}, 400_000);
