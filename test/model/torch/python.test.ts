import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { InvalidConfigError } from '../../../contracts/failures.ts';
import { enginePath, requireTorchPython, torchPython } from '../../../model/torch/python.ts';

const ROOT = join(import.meta.dirname, '../../..');

afterEach(() => void vi.unstubAllEnvs());

test('the Python is the one that the environment names', () => {
  vi.stubEnv('TIVE_PYTHON', '/opt/python');
  expect([torchPython(), requireTorchPython()]).toEqual(['/opt/python', '/opt/python']);
});

test.each([undefined, ''])('without a name, %j, there is none, and the way to one is told', (name) => {
  vi.stubEnv('TIVE_PYTHON', name);
  expect(torchPython()).toBeNull();
  expect(requireTorchPython).toThrow(InvalidConfigError);
  expect(requireTorchPython).toThrow(/got none; run `tive setup torch`, or set TIVE_PYTHON$/);
});

test('the engine’s folder is the package’s, and travels in it', () => {
  expect(enginePath()).toBe(join(ROOT, 'engines', 'torch'));
  expect(existsSync(join(enginePath(), 'requirements-cpu.txt'))).toBe(true);
  const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
  expect(files).toContain('engines/torch');
});
