import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratch } from './scratch.ts';
import type { Scratch } from './scratch.ts';

/** A checkout in small: the real bootstrap, and an npm, a compiler and bundlers that only leave a line. */
function checkout(machine: Scratch): { tree: string; bootstrap: () => { status: number | null; stderr: string } } {
  const tree = join(realpathSync(machine.folder), 'tree');
  const calls = join(machine.folder, 'calls.log');
  const tool = (name: string): string => `require('node:fs').appendFileSync(${JSON.stringify(calls)}, '${name}\\n')`;
  const files: Record<string, string> = {
    'package.json': '{}',
    'package-lock.json': '{}',
    'tsconfig.json': '{}',
    'tsconfig.build.json': '{}',
    'contracts/stages.ts': '',
    'node_modules/typescript-native/bin/tsc': tool('tsc'),
    'dist/workers/build-bundle.js': tool('bundle'),
    'page/api.ts': '',
    'page/app/main.tsx': '',
    'node_modules/vite/bin/vite.js': tool('vite'),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(machine.file(join(tree, name)), text);
  copyFileSync(join(import.meta.dirname, '../../setup/bootstrap.mjs'), machine.file(join(tree, 'setup/bootstrap.mjs')));
  machine.program('npm', '');
  const run = `import(${JSON.stringify(join(tree, 'setup/bootstrap.mjs'))}).then(({ bootstrap }) => bootstrap())`;
  return { tree, bootstrap: () => spawnSync(process.execPath, ['-e', run], { encoding: 'utf8', timeout: 30_000 }) };
}

const INSTALL = 'npm ci --ignore-scripts --no-fund --no-audit --loglevel=error';

test('a fresh clone is installed and built once, and built again after an edit', () => {
  const machine = scratch();
  const { tree, bootstrap } = checkout(machine);
  expect(bootstrap()).toMatchObject({
    status: 0,
    stderr: 'tive set-up: installing packages (npm ci)\ntive set-up: building\ntive set-up: building the page\n',
  });
  expect(machine.calls()).toEqual([INSTALL, 'tsc', 'bundle', 'vite']);
  expect(bootstrap()).toMatchObject({ status: 0, stderr: '' });
  writeFileSync(join(tree, 'contracts/stages.ts'), 'export const STAGES = [];');
  expect(bootstrap()).toMatchObject({
    status: 0,
    stderr: 'tive set-up: building\ntive set-up: building the page\n',
  });
  expect(machine.calls()).toEqual([INSTALL, 'tsc', 'bundle', 'vite', 'tsc', 'bundle', 'vite']);
});

test('the page alone is built again after an edit of it', () => {
  const machine = scratch();
  const { tree, bootstrap } = checkout(machine);
  bootstrap();
  writeFileSync(join(tree, 'page/app/main.tsx'), 'export {};');
  expect(bootstrap()).toMatchObject({ status: 0, stderr: 'tive set-up: building the page\n' });
  expect(machine.calls()).toEqual([INSTALL, 'tsc', 'bundle', 'vite', 'vite']);
});

test('an installed package, which has no sources, is left alone', () => {
  const machine = scratch();
  const { tree, bootstrap } = checkout(machine);
  rmSync(join(tree, 'tsconfig.build.json'));
  expect(bootstrap()).toMatchObject({ status: 0, stderr: '' });
  expect(machine.calls()).toEqual([]);
});

test('a failing npm ends set-up with exit code 2, in words, and the next command tries again', () => {
  const machine = scratch();
  const { bootstrap } = checkout(machine);
  machine.program('npm', 'exit 7');
  const { status, stderr } = bootstrap();
  expect(status).toBe(2);
  expect(stderr).toContain('setup: npm ci must succeed, got exit code 7');
  machine.program('npm', '');
  expect(bootstrap().status).toBe(0);
  expect(machine.calls()).toEqual([INSTALL, INSTALL, 'tsc', 'bundle', 'vite']);
});

test('a failing compiler leaves nothing that looks built', () => {
  const machine = scratch();
  const { tree, bootstrap } = checkout(machine);
  const compiler = join(tree, 'node_modules/typescript-native/bin/tsc');
  const works = readFileSync(compiler, 'utf8');
  writeFileSync(compiler, 'process.exit(1)');
  expect(bootstrap()).toMatchObject({ status: 2 });
  writeFileSync(compiler, works);
  expect(bootstrap().status).toBe(0);
  expect(machine.calls()).toEqual([INSTALL, 'tsc', 'bundle', 'vite']);
});

test.each([
  ['of a process that is gone', String(spawnSync(process.execPath, ['-e', '']).pid)],
  ['with an empty pid', ''],
])('a lock %s is taken over', (_, pid) => {
  const machine = scratch();
  const { tree, bootstrap } = checkout(machine);
  const name = createHash('sha256').update(tree).digest('hex').slice(0, 16);
  const lock = join(machine.cache, 'locks', `${name}.lock`);
  writeFileSync(machine.file(join(lock, 'pid')), pid);
  const old = new Date(Date.now() - 6000);
  utimesSync(lock, old, old);
  expect(bootstrap()).toMatchObject({ status: 0 });
  expect(machine.calls()).toEqual([INSTALL, 'tsc', 'bundle', 'vite']);
});
