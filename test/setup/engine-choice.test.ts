import { describe, expect, test } from 'vitest';
import { chooseEngine, cudaRequirement, libraryPath } from '../../setup/engine-choice.ts';
import type { EngineChoice, EngineHost } from '../../setup/engine-choice.ts';

const SO = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
const DYLIB = ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib'];
const CPU = 'tensorflow-cpu==2.21.0';
const PLAIN = 'tensorflow==2.21.0';

type Row = [EngineHost['platform'], EngineHost['architecture'], number, boolean, string | null, boolean, string[]];

const HOSTS: Row[] = [
  // platform, architecture, GPUs, TIVE_GPU=0 → wheel, GPU used, libraries
  ['linux', 'x64', 0, false, CPU, false, SO],
  ['linux', 'x64', 0, true, CPU, false, SO],
  ['linux', 'x64', 1, false, PLAIN, true, SO],
  ['linux', 'x64', 8, false, PLAIN, true, SO],
  ['linux', 'x64', 8, true, CPU, false, SO],
  ['linux', 'arm64', 0, false, PLAIN, false, SO],
  ['linux', 'arm64', 1, false, PLAIN, true, SO],
  ['linux', 'arm64', 1, true, PLAIN, false, SO],
  ['darwin', 'arm64', 0, false, PLAIN, false, DYLIB],
  ['darwin', 'arm64', 2, false, PLAIN, false, DYLIB],
  ['darwin', 'x64', 0, false, null, false, []],
  ['win32', 'x64', 1, false, null, false, []],
  ['linux', 'ia32', 0, false, null, false, []],
  ['linux', 'riscv64', 1, false, null, false, []],
];

describe('chooseEngine', () => {
  test.each(HOSTS)('on %s %s with %i GPUs, refused: %s, takes %s', (...row) => {
    const [platform, architecture, gpuCount, refusesGpu, wheel, usesGpu, libraries] = row;
    const reason = wheel === null ? `no TensorFlow library is published for ${platform} ${architecture}` : null;
    expect(chooseEngine({ platform, architecture, gpuCount, refusesGpu })).toEqual<EngineChoice>({
      wheel,
      usesGpu,
      libraries,
      reason,
    });
  });

  test('asks pip for the CUDA libraries of the same release', () => {
    expect(cudaRequirement()).toBe('tensorflow[and-cuda]==2.21.0');
  });
});

describe('libraryPath', () => {
  test.each<[string[], string | undefined, string]>([
    [['/n/cublas/lib', '/n/cudnn/lib'], undefined, '/n/cublas/lib:/n/cudnn/lib'],
    [['/n/cublas/lib'], '', '/n/cublas/lib'],
    [['/n/cublas/lib'], '/opt/lib:/usr/lib', '/n/cublas/lib:/opt/lib:/usr/lib'],
    [[], '/opt/lib', '/opt/lib'],
    [[], undefined, ''],
  ])('of %j before %j is %j', (folders, inherited, expected) => {
    expect(libraryPath(folders, inherited)).toBe(expected);
  });
});
