import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readLeases, writeLease } from '../../../store/leases.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { writeSmallDataset } from '../small-dataset.ts';
import { tive, useCluster } from '../in-process.ts';
import type { Finished } from '../tive-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-store-command-'));
const artifacts = join(folder, 'tive-store/artifacts');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cluster = useCluster();
const run = (...settings: string[]): Promise<Finished> =>
  tive(folder, 'run', 'recipe.yaml', '--until', 'selection', '--address', cluster.address, ...settings);
const only = (stage: string): string => {
  const [address, ...others] = readdirSync(join(artifacts, stage));
  expect(others).toEqual([]);
  return join(artifacts, stage, address!);
};

beforeAll(async () => {
  writeSmallDataset(folder);
  const done = await run();
  expect(done.exitCode, done.stderr).toBe(0);
}, 120_000);

test('size adds up the bytes of every stage', async () => {
  const { stdout, exitCode } = await tive(folder, 'store', 'size', '--json');
  expect(exitCode).toBe(0);
  const { stages, checkpoints, openWrites } = JSON.parse(stdout) as {
    stages: { name: string; count: number; byteCount: number; unreferred: { count: number } }[];
    checkpoints: { count: number };
    openWrites: unknown[];
  };
  expect(stages.map(({ name }) => name)).toEqual(['dataset', 'gradients', 'selection', 'values', 'warmup']);
  const sizeOf = (path: string): number => readFileSync(path).byteLength;
  for (const { name, byteCount, unreferred } of stages.filter((stage) => stage.name !== 'dataset')) {
    const files = readdirSync(only(name)).map((file) => sizeOf(join(only(name), file)));
    expect(byteCount).toBe(files.reduce((sum, size) => sum + size, 0));
    expect(unreferred.count, name).toBe(0);
  }
  expect([checkpoints.count, openWrites]).toEqual([0, []]);
  const table = await tive(folder, 'store', 'size');
  expect(table.stdout).toMatch(/^gradients +1 +[\d,]+ +0$/m);
});

test('check finds nothing in a whole store', async () => {
  const { stdout, exitCode } = await tive(folder, 'store', 'check');
  expect(stdout).toMatch(/^\d+ artifacts checked, 0 damaged\n$/);
  expect(exitCode).toBe(0);
});

test('clean removes what no run refers to any more, and nothing that the next run needs', async () => {
  const first = only('selection');
  expect((await tive(folder, 'export', 'small', '--to', 'indices')).exitCode).toBe(0);
  const other = await run('selection.lambda=9');
  expect(other.exitCode, other.stderr).toBe(0);
  // The result of the recipe before has a name of its own, and its exports are with it.
  const [, former] =
    /^small had the result of another recipe \(selection\.lambda 3, now 9\): it is now run (small-\w{6})$/m.exec(
      other.stderr,
    )!;
  expect(readdirSync(join(folder, 'runs', former!))).toEqual(
    expect.arrayContaining(['export', 'recipe.yaml', 'result.json']),
  );
  expect(existsSync(join(folder, 'runs/small/export'))).toBe(false);
  expect((await tive(folder, 'compare', former!, 'small')).exitCode).toBe(0);
  rmSync(join(folder, 'runs', former!), { recursive: true });
  writeFileSync(join(only('warmup'), 'adapter.1234.partial'), 'hal');

  const young = await tive(folder, 'store', 'clean', '--yes');
  expect(young.stdout).toBe(
    `kept by the store alone: ${former}; --forget those that may go\n0 folders with 0 bytes, 0 unfinished writes\n`,
  );
  // What the store keeps is a run like that of a folder.
  const elsewhere = ['--runs', 'nowhere', '--store', 'tive-store'];
  const listed = await tive(folder, 'list', ...elsewhere);
  expect(listed.stdout).toMatch(new RegExp(`^small +.* done .*\\n${former} .* done +selection +tive 8 of 59 rows\\n$`));
  expect((await tive(folder, 'status', former!, ...elsewhere)).stdout).toMatch(
    new RegExp(`^${former}: completed\\n.*selection: done`, 's'),
  );
  expect((await tive(folder, 'compare', former!, 'small', ...elsewhere)).stdout).toMatch(/^selected +8 by small-/);
  expect((await tive(folder, 'show', former!, '3', ...elsewhere)).stdout).toMatch(/^row 3 /);
  expect((await tive(folder, 'status', 'lost', ...elsewhere)).stderr).toContain('run: must have a result');
  expect((await tive(folder, 'show', 'lost', '3', ...elsewhere)).stderr).toBe(
    'run: must be in the store, got no "lost" in tive-store; tive list --store shows them\n',
  );
  expect((await tive(folder, 'list', '--store', 'nowhere')).stderr).toBe(
    '--store: must be a folder that exists, or s3://bucket/prefix, got "nowhere"\n',
  );
  expect(existsSync(join(folder, 'nowhere'))).toBe(false);
  const unasked = await tive(folder, 'store', 'clean', '--older-than', '0', '--forget', former!);
  expect(unasked.exitCode).toBe(2);
  expect(unasked.stderr).toBe('store: somebody must agree, got no terminal; add --yes\n');
  expect(existsSync(first)).toBe(true);

  const { stdout, exitCode, stderr } = await tive(folder, 'store', 'clean', '--older-than', '0', '--yes');
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toContain(`  artifacts/selection/${first.split('/').at(-1)}\n`);
  expect(stdout).toMatch(/adapter\.1234\.partial\n1 folders with [\d,]+ bytes, 1 unfinished writes\nremoved\n$/);
  expect(existsSync(first)).toBe(false);
  expect(readdirSync(only('warmup')).filter((name) => name.endsWith('.partial'))).toEqual([]);

  const again = await run('selection.lambda=9');
  expect(again.exitCode, again.stderr).toBe(0);
  for (const stage of ['dataset', 'warmup', 'gradients', 'values', 'selection'])
    expect(again.stderr).toContain(`${stage}: cached`);
}, 120_000);

test('clean is refused while a run is at work', async () => {
  const path = join(folder, 'runs/small/server.json');
  writeFileSync(path, JSON.stringify({ address: '127.0.0.1:1', pid: process.pid }));
  const { stderr, exitCode } = await tive(folder, 'store', 'clean', '--yes');
  rmSync(path);
  expect(exitCode).toBe(2);
  expect(stderr).toBe(
    `store: runs must not be at work, got "small" (process ${process.pid}); wait, or tive cancel small\n`,
  );
});

test('clean is refused while somebody is at work in the store, and spares what an open run needs, whatever --runs is', async () => {
  const store = new LocalStore(join(folder, 'tive-store'));
  expect(await readLeases(store)).toEqual([]);
  const selection = only('selection');
  const uris = [selection.slice(selection.indexOf('artifacts'))];
  const clean = ['store', 'clean', '--runs', 'nowhere', '--older-than', '0', '--yes'];
  await writeLease(store, 'tive-far', 'tuneReference-3', { run: 'far', holder: 'node-7/12', isAtWork: true, uris });
  const refused = await tive(folder, ...clean);
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toMatch(
    /^store: runs must not be at work, got "far" by node-7\/12 \d s ago \(leases\/tive-far\/tuneReference-3\/lease\.json\); wait,/,
  );
  await writeLease(store, 'tive-far', 'tuneReference-3', { run: 'far', holder: 'node-7/12', isAtWork: false, uris });
  await store.write('checkpoints/warmup/aa/step', [Buffer.from('state')]);
  const spared = await tive(folder, ...clean.slice(0, -1));
  expect(spared.stdout).toMatch(/^checkpoints are kept, runs have not ended: far; --forget one/);
  expect(spared.stdout).not.toContain('artifacts/selection');
  expect(existsSync(selection)).toBe(true);
  // Nothing else was removed: nobody agreed.
  expect(spared.exitCode).toBe(spared.stdout.includes('\n0 folders') ? 0 : 2);
  const forgotten = await tive(folder, ...clean.slice(0, -1), '--forget', 'far');
  expect(forgotten.stdout).toContain('checkpoints/warmup/aa');
  expect(await readLeases(store)).toEqual([]);
  await store.removeFolder('checkpoints');
}, 60_000);

test('a run that is forgotten, and whose folder is gone, keeps nothing', async () => {
  expect((await run('selection.lambda=4', 'run.name=other', '--incremental')).exitCode).toBe(0);
  rmSync(join(folder, 'runs/other'), { recursive: true });
  const kept = await tive(folder, 'store', 'clean', '--older-than', '0', '--yes');
  expect(kept.stdout).toContain('0 folders');
  const { stdout } = await tive(folder, 'store', 'clean', '--older-than', '0', '--yes', '--forget', 'other');
  expect(stdout).toMatch(/artifacts\/selection\/[0-9a-f]{40}\n1 folders/);
}, 120_000);

test('check names damaged, cut, missing and foreign files with their runs, and repair lets the next run make them again', async () => {
  const gradients = only('gradients');
  const [flipped, cut, missing] = [1, 2, 3].map((shard) => `gradients-0000${shard}-of-00007.arrow`);
  const bytes = readFileSync(join(gradients, flipped!));
  bytes[200]! ^= 1;
  writeFileSync(join(gradients, flipped!), bytes);
  truncateSync(join(gradients, cut!), 100);
  rmSync(join(gradients, missing!));
  writeFileSync(join(only('values'), 'notes.txt'), 'mine');
  writeFileSync(join(only('selection'), 'artifact.json'), '{');

  const { stdout, exitCode } = await tive(folder, 'store', 'check');
  expect(exitCode).toBe(1);
  const [own, values, selection] = [gradients, only('values'), only('selection')].map((path) =>
    path.slice(path.indexOf('artifacts')),
  );
  const lines = stdout.trimEnd().split('\n');
  const damages = lines.slice(0, -1).filter((line) => !line.endsWith(': made from what is damaged'));
  expect(damages).toEqual([
    expect.stringMatching(`^${own}/${flipped}: sha256 must be [0-9a-f]{12}…, got [0-9a-f]{12}…; runs: small$`),
    expect.stringMatching(`^${own}/${cut}: must have \\d+ bytes, got 100; runs: small$`),
    `${own}/${missing}: must exist, got none; runs: small`,
    `${selection}/artifact.json: must be the manifest that was written, got other bytes; runs: small`,
    `${values}/notes.txt: must be named by the manifest, got a foreign file; runs: small`,
  ]);
  expect(lines.at(-1)).toMatch(/^\d+ artifacts checked, 3 damaged$/);

  const repaired = await tive(folder, 'store', 'check', '--repair', '--yes', '--json');
  expect(repaired.exitCode, repaired.stderr).toBe(0);
  expect((JSON.parse(repaired.stdout.split('\n')[0]!) as { problem: string }).problem).toMatch(/^sha256 must be/);
  expect(existsSync(gradients)).toBe(false);
  expect(readdirSync(join(folder, 'tive-store/damaged')).sort()).toEqual(['gradients', 'selection', 'values']);
  const again = await run('selection.lambda=9');
  expect(again.exitCode, again.stderr).toBe(0);
  expect(again.stderr).toContain('warmup: cached');
  expect((await tive(folder, 'store', 'check')).exitCode).toBe(0);
}, 120_000);

test('a run names what is lost of its store, and makes it again where somebody agrees', async () => {
  const values = only('values');
  const uri = values.slice(values.indexOf('artifacts'));
  const known = only('selection');
  const before = readFileSync(join(values, 'values.arrow'));
  rmSync(join(values, 'values.arrow'));
  const refused = await run('selection.lambda=5');
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toMatch(
    new RegExp(`^${uri}/values\\.arrow: sha256 must be [0-9a-f]{64}, got no file; tive run --repair sets`, 'm'),
  );
  expect(refused.stderr).not.toContain('memory');
  // Damage that no stage meets, since all that reads it is there already.
  const adapter = join(only('warmup'), 'adapter_config.json');
  const settings = readFileSync(adapter, 'utf8');
  writeFileSync(adapter, settings.replace('"r"', '"s"'));
  const mended = await run('selection.lambda=5', '--repair');
  expect(readFileSync(adapter, 'utf8')).toBe(settings);
  expect(mended.stderr).toMatch(/^set aside: damaged\/warmup\//m);
  expect(mended.exitCode, mended.stderr).toBe(0);
  expect(mended.stderr).toMatch(new RegExp(`^set aside: damaged/${uri.slice('artifacts/'.length)}/\\d+$`, 'm'));
  expect(mended.stderr).toContain('gradients: cached');
  expect(readFileSync(join(values, 'values.arrow')).equals(before)).toBe(true);
  for (const address of readdirSync(join(artifacts, 'selection')))
    if (!known.endsWith(address)) rmSync(join(artifacts, 'selection', address), { recursive: true });
}, 120_000);

test('repair sets aside what was made from a damaged adapter, however its manifest is damaged', async () => {
  const [adapter, gradients, values, selection] = [
    only('warmup'),
    only('gradients'),
    only('values'),
    only('selection'),
  ];
  const manifest = readFileSync(join(adapter, 'artifact.json'), 'utf8');
  const damages: [string, string][] = [
    ['adapter_model.safetensors', 'other bytes'],
    ['artifact.json', manifest.slice(0, 200)],
    ['artifact.json', ''],
  ];
  for (const [name, content] of damages) {
    const bytes = readFileSync(join(adapter, name));
    writeFileSync(join(adapter, name), content);
    const { stdout } = await tive(folder, 'store', 'check');
    for (const made of [gradients, values, selection])
      expect(stdout, name).toContain(`${made.slice(made.indexOf('artifacts'))}: made from what is damaged\n`);
    writeFileSync(join(adapter, name), bytes);
  }
  writeFileSync(join(adapter, 'adapter_model.safetensors'), 'other bytes');
  expect((await tive(folder, 'store', 'check', '--repair', '--yes')).exitCode).toBe(0);
  for (const path of [adapter, gradients, values, selection]) expect(existsSync(path)).toBe(false);
  expect(existsSync(only('dataset'))).toBe(true);
}, 120_000);
