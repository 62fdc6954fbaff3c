import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { chooseEngine } from '../../setup/engine-choice.ts';
import { prepareEngine, probeEngine } from '../../setup/prepare-engine.ts';
import type { EngineSetup } from '../../setup/prepare-engine.ts';
import { listener, scratch } from './scratch.ts';
import type { Scratch } from './scratch.ts';

const { libraries, reason: noLibrary } = chooseEngine({
  platform: process.platform,
  architecture: process.arch,
  gpuCount: 0,
  refusesGpu: true,
});

/** Names a folder that looks as if it held the TensorFlow library. */
function namedTensorflow({ folder, file }: Scratch): string {
  const path = join(folder, 'my tensorflow');
  for (const name of libraries) file(join(path, name));
  vi.stubEnv('TIVE_TENSORFLOW_DIR', path);
  return path;
}

const wasm = (reason: string | RegExp): unknown => ({
  tensorflowFolder: null,
  gpuCount: 0,
  environment: {},
  reason: typeof reason === 'string' ? reason : (expect.stringMatching(reason) as unknown),
});

// None of these may come as far as a compiled addon: it would replace the one in node_modules.
describe.skipIf(noLibrary !== null)('prepareEngine falls back to wasm', () => {
  test('with the user’s wish as the reason, without looking further', async () => {
    const { cache, calls } = scratch();
    vi.stubEnv('TIVE_ENGINE', 'wasm');
    expect(await prepareEngine(() => undefined)).toEqual(wasm('TIVE_ENGINE=wasm is set'));
    expect(calls()).toEqual([]);
    expect(existsSync(cache)).toBe(false);
  });

  test('where TIVE_TENSORFLOW_DIR lacks a library, naming the folder', async () => {
    const { folder, file } = scratch();
    file(join(folder, libraries[0]!));
    vi.stubEnv('TIVE_TENSORFLOW_DIR', folder);
    expect(await prepareEngine(() => undefined)).toEqual(
      wasm(
        `setup: ${folder} must hold ${libraries.join(' and ')}, got less; unset TIVE_TENSORFLOW_DIR or clear the cache`,
      ),
    );
  });

  test('without a compiler', async () => {
    const machine = scratch();
    namedTensorflow(machine);
    const { said, say } = listener();
    const expected = wasm('setup: a C++ compiler must be on PATH, got none of g++, clang++, c++');
    expect(await prepareEngine(say)).toEqual(expected);
    expect(said).toEqual(['compiling the TensorFlow addon (about 15 s, once)']);
    vi.stubEnv('CXX', '');
    expect(await prepareEngine(say)).toEqual(expected);
  });

  test('where the compiler fails, with what it said, and keeps nothing of it', async () => {
    const machine = scratch();
    const folder = namedTensorflow(machine);
    const compiler = machine.program('g++', 'echo "fatal error: tensorflow/c/c_api.h: No such file" >&2; exit 1');
    expect(await prepareEngine(() => undefined)).toEqual(
      wasm(`${compiler} must succeed, got fatal error: tensorflow/c/c_api.h: No such file`),
    );
    expect(machine.calls()[0]).toContain(`-I${folder}/include`);
    const [key] = readdirSync(join(machine.cache, 'engine'));
    expect(readdirSync(join(machine.cache, 'engine', key!))).toEqual([]);
    expect(readdirSync(join(machine.cache, 'locks'))).toEqual([]);
  });

  test('where the compiler that CXX names by its path fails, though another is on PATH', async () => {
    const machine = scratch();
    namedTensorflow(machine);
    machine.program('g++', 'exit 1');
    const named = machine.program('my-compiler', 'echo "broken" >&2; exit 1');
    vi.stubEnv('CXX', named);
    expect(await prepareEngine(() => undefined)).toEqual(wasm(`${named} must succeed, got broken`));
  });

  test('without Python, as the library cannot be fetched', async () => {
    scratch();
    expect(await prepareEngine(() => undefined)).toEqual(
      wasm('setup: python3 must be on PATH to fetch a wheel, got none'),
    );
  });

  test('where pip fails', async () => {
    const { python } = scratch();
    python({ failure: 'ERROR: no network' });
    const { said, say } = listener();
    expect(await prepareEngine(say)).toEqual(wasm(/python3 must succeed, got noise ERROR: no network$/));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/^fetching tensorflow(-cpu)?==2\.21\.0 \(about 270 MB, once\)$/);
  });
});

describe.skipIf(noLibrary !== null)('prepareEngine looks for the library', () => {
  test('in a tensorflow that Python has, else in the wheel', async () => {
    const machine = scratch();
    const installed = join(machine.folder, 'site-packages', 'tensorflow');
    for (const name of libraries) machine.file(join(installed, name));
    machine.program('python3', `case "$1" in -c) echo "${installed}" ;; *) exit 1 ;; esac`);
    machine.program('g++', 'echo "reached the compiler" >&2; exit 1');
    expect(await prepareEngine(() => undefined)).toEqual(wasm(/reached the compiler$/));
    expect(machine.calls().at(-1)).toContain(`-Wl,-rpath,${installed}`);

    machine.python({ files: libraries.map((name) => `tensorflow/${name}`) });
    expect(await prepareEngine(() => undefined)).toEqual(wasm(/reached the compiler$/));
    expect(machine.calls().at(-1)).toMatch(/-Wl,-rpath,\S+\/cache\/wheels\/tensorflow(-cpu)?-2\.21\.0\/tensorflow/);
  });

  test('with CUDA where there are GPUs, unless TIVE_GPU=0', async ({ skip }) => {
    if (process.platform !== 'linux') skip('GPUs are used on Linux alone');
    const machine = scratch();
    machine.program('nvidia-smi', 'echo "GPU 0: NVIDIA H200"');
    const { said, say } = listener();
    expect(await prepareEngine(say)).toEqual(
      wasm('setup: python3 must be on PATH to fetch TensorFlow for the GPU, got none'),
    );
    const half = 'while [ "$1" != --target ]; do shift; done; mkdir -p "$2/tensorflow"';
    machine.program('python3', `case "$*" in "-m pip "*) ${half}; echo "no space left" >&2; exit 1 ;; esac`);
    expect(await prepareEngine(say)).toEqual(wasm(/must succeed, got no space left$/));
    expect(said).toEqual(['fetching tensorflow[and-cuda]==2.21.0 (several GB, once)']);
    expect(machine.calls().at(-1)).toMatch(/pip install .*tensorflow\[and-cuda\]==2\.21\.0$/);
    expect(readdirSync(join(machine.cache, 'wheels'))).toEqual([]);
    vi.stubEnv('TIVE_GPU', '0');
    await prepareEngine(say);
    expect(machine.calls().at(-1)).toMatch(/pip download/);
  });
});

describe('probeEngine', () => {
  const setup = (environment: Record<string, string>): EngineSetup => ({
    tensorflowFolder: '/tensorflow',
    gpuCount: 0,
    environment,
    reason: null,
  });

  /** The probe's process runs the script first: it stands for an addon that loads, or does not. */
  function preload({ folder }: Scratch, script: string): EngineSetup {
    mkdirSync(join(folder, 'preload'));
    const path = join(folder, 'preload', 'addon.cjs');
    writeFileSync(path, script);
    return setup({ NODE_OPTIONS: `--require ${path}` });
  }
  const replaceAddon = (body: string): string =>
    `const module_ = require('node:module'); const load = module_._load;
     module_._load = (name, ...rest) => { if (name === '@tensorflow/tfjs-node-gpu') { ${body} } return load(name, ...rest); };`;

  test('gives the version of the library that loads', async () => {
    const addon = replaceAddon(`return { backend: () => ({ binding: { TF_Version: '2.21.0' } }) };`);
    expect(await probeEngine(preload(scratch(), addon))).toEqual({ version: '2.21.0', reason: null });
  });

  test('gives the reason where it does not load', async () => {
    const addon = replaceAddon(`process.stderr.write('libtensorflow_cc.so.2: cannot open\\n'); process.exit(1);`);
    expect(await probeEngine(preload(scratch(), addon))).toEqual({
      version: null,
      reason: `${process.execPath} must succeed, got libtensorflow_cc.so.2: cannot open`,
    });
  });
});
