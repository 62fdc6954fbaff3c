import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { findProgram, isExecutable, runProgram } from '../../setup/commands.ts';
import { listGpus } from '../../setup/gpu.ts';
import { scratch } from './scratch.ts';

describe('findProgram', () => {
  test('takes the first name that is there, not the first folder', async () => {
    const { folder, bin, program } = scratch();
    program('python', '');
    const other = join(folder, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'python3'), '', { mode: 0o755 });
    vi.stubEnv('PATH', ['', bin, other].join(delimiter));
    expect(await findProgram('python3', 'python')).toBe(join(other, 'python3'));
    expect(await findProgram('python2', 'python')).toBe(join(bin, 'python'));
  });

  test('passes over folders, files that may not be run, and empty names', async () => {
    const { folder, bin } = scratch();
    const other = join(folder, 'other');
    mkdirSync(join(bin, 'temporal'));
    writeFileSync(join(bin, 'python3'), '', { mode: 0o644 });
    mkdirSync(other);
    vi.stubEnv('PATH', [bin, other].join(delimiter));
    expect(await findProgram('temporal', 'python3', '')).toBeNull();
    writeFileSync(join(other, 'temporal'), '', { mode: 0o755 });
    expect(await findProgram('temporal')).toBe(join(other, 'temporal'));
  });

  test('takes a full path as it is', async () => {
    const { folder, program } = scratch();
    const compiler = program('g++-12', '');
    vi.stubEnv('PATH', folder);
    expect(await findProgram(compiler, 'g++')).toBe(compiler);
    expect(await findProgram(`${compiler}-gone`)).toBeNull();
  });

  test('finds nothing without a PATH', async () => {
    scratch();
    vi.stubEnv('PATH', undefined);
    expect(await findProgram('sh')).toBeNull();
  });
});

describe('isExecutable', () => {
  test('is said of files alone', async () => {
    const { bin, program } = scratch();
    expect(await isExecutable(program('tool', ''))).toBe(true);
    expect(await isExecutable(bin)).toBe(false);
    expect(await isExecutable(join(bin, 'none'))).toBe(false);
  });
});

describe('runCommand', () => {
  test('gives both streams, and the environment to the program', async () => {
    const { program } = scratch();
    const path = program('tool', 'echo "out $1 $WORD"; echo err >&2');
    expect(await runProgram(path, ['a b'], { WORD: 'x' })).toEqual({ stdout: 'out a b x\n', stderr: 'err\n' });
  });

  test('fails with the last three lines of what the program said', async () => {
    const { program } = scratch();
    const path = program('tool', 'for n in 1 2 3 4; do echo "line $n" >&2; done; exit 3');
    await expect(runProgram(path, [])).rejects.toThrow(`${path} must succeed, got line 2 line 3 line 4`);
  });

  test('names a program that cannot be started', async () => {
    scratch();
    await expect(runProgram('/none/tool', [])).rejects.toThrow(/^\/none\/tool must succeed, got .*ENOENT/);
  });
});

describe('listGpus', () => {
  test('is what the driver lists', async () => {
    const { program } = scratch();
    program('nvidia-smi', 'echo "GPU 0: NVIDIA H200 (UUID: a)"; echo "  MIG 1g"; echo "GPU 1: NVIDIA H200 (UUID: b)"');
    expect(await listGpus()).toEqual(['GPU 0: NVIDIA H200 (UUID: a)', 'GPU 1: NVIDIA H200 (UUID: b)']);
  });

  test('is empty without a driver, and with one that fails', async () => {
    const { program } = scratch();
    expect(await listGpus()).toEqual([]);
    program('nvidia-smi', 'echo "no driver" >&2; exit 9');
    expect(await listGpus()).toEqual([]);
  });
});
