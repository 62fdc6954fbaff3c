import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { torchEngineFolder } from '../../../contracts/engine-folder.ts';
import { InvalidConfigError } from '../../../contracts/failures.ts';
import { requireTorchPython, torchPython } from '../../../model/torch/python.ts';

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
  expect(torchEngineFolder()).toBe(join(ROOT, 'engines', 'torch'));
  expect(existsSync(join(torchEngineFolder(), 'requirements-cpu.txt'))).toBe(true);
  const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
  expect(files).toContain('engines/torch');
});
