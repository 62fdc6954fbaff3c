import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { SOURCE_EXTENSIONS } from '../../../dataset/readers/readers.ts';
import { S3Store } from '../../../store/s3-store.ts';
import { ACCESS_KEY, INSTALL_TIMEOUT_MS, SECRET_KEY, startS3Server } from '../../store/s3-server.ts';
import type { S3Server } from '../../store/s3-server.ts';
import type { RunResult } from '../../../contracts/messages/run.ts';
import { writeSmallDataset } from '../small-dataset.ts';
import { tive, useCluster } from '../in-process.ts';
import { hashesOf, startTive } from '../tive-process.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-s3-run-'));
/** Of a run on a folder of this machine. */
const local = join(root, 'local');
let server: S3Server | string;

beforeAll(async () => {
  server = await startS3Server();
  if (typeof server === 'string') return;
  // What is brought to this machine goes below the test's own folder.
  for (const [name, value] of Object.entries({ ...server.environment, TMPDIR: root })) vi.stubEnv(name, value);
}, INSTALL_TIMEOUT_MS);
// Its processes are started with the bucket's credentials.
const cluster = useCluster();
beforeAll(async () => {
  const done = await tive(
    freshFolder('local'),
    'run',
    'recipe.yaml',
    '--until',
    'selection',
    '--address',
    cluster.address,
  );
  expect(done.exitCode, done.stderr).toBe(0);
}, 120_000);
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
  const remote = freshFolder('remote');
  const run = [`store.uri=${uri}`, '--until', 'selection', '--address', cluster.address];
  const second = await tive(remote, 'run', 'recipe.yaml', ...run);
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

  const again = await tive(remote, 'run', 'recipe.yaml', ...run);
  expect(again.stderr).toContain('gradients: cached');
  const exported = await tive(remote, 'export', 'small', '--to', 'llava');
  expect(exported.exitCode, exported.stderr).toBe(0);
  // Who has the bucket alone finds the run.
  const elsewhere = ['--runs', 'none', '--store', uri];
  expect((await tive(remote, 'list', ...elsewhere)).stdout).toMatch(/^small .* done +selection +tive 8 of 59 rows\n$/);
  expect((await tive(remote, 'compare', 'small', 'small', ...elsewhere)).stdout).toContain('Jaccard       1.000');
  expect((await tive(remote, 'report', 'small', ...elsewhere)).stderr).toMatch(/^report: run must have a report/);
  expect(existsSync(join(remote, 'none/small/result.json'))).toBe(true);
  rmSync(join(remote, 'none'), { recursive: true });

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

test('a dataset in a bucket gives the values of one in a folder, and is watched by its listing', async () => {
  const { bucket } = server as S3Server;
  const remote = freshFolder('remote-data');
  const data = new S3Store(`s3://${bucket}/mix`);
  const upload = (name: string, bytes: Uint8Array) => data.write(name, [bytes]);
  const moved = ['train.json', ...readdirSync(join(remote, 'images')).map((name) => `images/${name}`)];
  for (const name of moved) {
    await upload(name, readFileSync(join(remote, name)));
    rmSync(join(remote, name));
  }
  const settings = [
    `dataset.path=s3://${bucket}/mix/train.json`,
    `dataset.image_folder=s3://${bucket}/mix/images`,
    'finetune.enabled=false',
    'evaluation.path=null',
    'report.examples_per_task=3',
  ];
  const watching = startTive(remote, 'run', 'recipe.yaml', ...settings, '--on-change', '--processes', '1');
  const reached = (check: (result: RunResult) => void) =>
    vi.waitFor(() => check(JSON.parse(readFileSync(join(remote, 'runs/small/result.json'), 'utf8')) as RunResult), {
      timeout: 120_000,
      interval: 200,
    });
  await reached(({ dataset, reselection }) => expect([dataset?.usableCount, reselection]).toEqual([56, null]));
  const wanted = hashesOf(join(local, 'tive-store'), 'values', 'values.arrow');
  expect(hashesOf(join(remote, 'tive-store'), 'values', 'values.arrow')).toEqual(wanted);
  await reached(() => expect(existsSync(join(remote, 'runs/small/report.html'))).toBe(true));
  expect(readFileSync(join(remote, 'runs/small/report.html'), 'utf8')).toContain('data:image/jpeg');

  const rows = readFileSync(join(local, 'train.json'), 'utf8').replace(/\s*\]$/, '');
  const turns = [
    { from: 'human', value: 'What is new?' },
    { from: 'gpt', value: 'this' },
  ];
  const added = JSON.stringify({ id: 990, dataset: 'sum', conversations: turns });
  await upload('train.json', Buffer.from(`${rows},\n${added}]`));
  await reached(({ dataset, reselection }) =>
    expect([dataset?.usableCount, reselection?.newRowCount]).toEqual([57, 1]),
  );
  watching.child.kill('SIGINT');
  expect((await watching.finished).exitCode).toBe(130);

  const gone = await tive(remote, 'run', 'recipe.yaml', `dataset.path=s3://${bucket}/mix/none.json`, 'run.name=none');
  expect(gone).toMatchObject({ exitCode: 2 });
  expect(gone.stderr).toContain(`dataset.path: file must exist, got "s3://${bucket}/mix/none.json"`);
  const folder = await tive(remote, 'run', 'recipe.yaml', `dataset.path=s3://${bucket}/mix`);
  expect(folder).toMatchObject({ exitCode: 2 });
  expect(folder.stderr).toContain(`dataset.path: in a bucket ${SOURCE_EXTENSIONS} files must be named`);
}, 400_000);
