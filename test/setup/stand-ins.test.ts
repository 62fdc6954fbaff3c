import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { torchEngineFolder } from '../../contracts/engine-folder.ts';

const canLink =
  process.platform === 'linux' && ['python3', 'gcc'].every((program) => spawnSync(program, ['--version']).status === 0);

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    stdio: 'pipe',
    env: { ...process.env, PYTHONPATH: torchEngineFolder() },
  });
}

/** A folder `torch/lib` whose one library needs two that are gone, as torch's needs CUDA's. */
function torchLibraries(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tive-stand-ins-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const library = join(folder, 'site-packages', 'torch', 'lib');
  mkdirSync(library, { recursive: true });
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const link = (path: string, ...args: string[]): string => {
    run('gcc', '-shared', '-fPIC', '-o', path, ...args);
    return path;
  };
  const versions = write('gone.map', 'libgone.so.13 { global: *; };');
  const gone = link(
    join(folder, 'libgone.so.13'),
    write('gone.c', 'int first(void) { return 1; } int second(void) { return 2; }'),
    '-Wl,-soname,libgone.so.13',
    `-Wl,--version-script=${versions}`,
  );
  const plain = link(
    join(folder, 'libplain.so.2'),
    write('plain.c', 'int plain(void) { return 3; }'),
    '-Wl,-soname,libplain.so.2',
  );
  const caller = write(
    'caller.c',
    'int first(void); int second(void); int plain(void); int own(void) { return 7; }\n' +
      'int calls(void) { return first() + second() + plain(); }',
  );
  link(join(library, 'libtorch_python.so'), caller, gone, plain, '-Wl,-z,now', '-Wl,-rpath,$ORIGIN');
  return library;
}

const LOAD = `
import ctypes, sys
library = ctypes.CDLL(sys.argv[1] + "/libtorch_python.so")
print(library.own(), library.calls())
`;

describe.skipIf(!canLink)('stand-ins', () => {
  test('let a library load whose libraries are gone: each of their functions fails', () => {
    const folder = torchLibraries();
    expect(() => run('python3', '-c', LOAD, folder)).toThrow(/libgone\.so\.13/);
    expect(run('python3', '-m', 'stand_ins', folder)).toBe('libgone.so.13 3\nlibplain.so.2 0\n');
    // 100 is CUDA's word for "no device".
    expect(run('python3', '-c', LOAD, folder)).toBe('7 300\n');
  });

  test('hide a GPU from the Python that has them', () => {
    const folder = torchLibraries();
    run('python3', '-m', 'stand_ins', folder);
    const site = 'import os, site, sys; site.addsitedir(sys.argv[1]); print(os.environ["CUDA_VISIBLE_DEVICES"])';
    expect(run('python3', '-c', site, join(folder, '../..'))).toBe('-1\n');
  });

  test('are not written for what is there', () => {
    const folder = torchLibraries();
    run('python3', '-m', 'stand_ins', folder);
    expect(run('python3', '-m', 'stand_ins', folder)).toBe('');
    expect(readdirSync(folder).sort()).toEqual(['libgone.so.13', 'libplain.so.2', 'libtorch_python.so']);
  });

  test('are not written where torch has no such libraries', () => {
    const folder = join(torchLibraries(), '..', 'other');
    mkdirSync(folder);
    expect(run('python3', '-m', 'stand_ins', folder)).toBe('');
  });
});
