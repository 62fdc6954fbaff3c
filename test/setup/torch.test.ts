import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { requireDisk, setUpTorch } from '../../setup/torch.ts';
import { cachedTorch, findTorch, torchEnvironment, torchFolder, torchText } from '../../setup/torch-python.ts';
import { listener, scratch } from './scratch.ts';
import type { Scratch } from './scratch.ts';

const VERSIONS = {
  python: '3.12.1',
  torch: '2.13.0',
  transformers: '5.17.0',
  peft: '0.21.2',
  safetensors: '0.8.0',
  numpy: '2.4.6',
  pillow: '13.0.0',
};

interface FakePython {
  /** What the probe prints: version, and modules that are missing. */
  probe?: string;
  versions?: Partial<typeof VERSIONS>;
  /** Fails `download`, `install` or `trial` with this text. */
  failure?: [step: 'download' | 'install' | 'trial', text: string];
}

/** A Python whose `venv` puts the same program into the environment. */
function fakePython({ program }: Scratch, { probe = '3.12.1 whole', versions = VERSIONS, failure }: FakePython = {}) {
  const fail = (step: string): string => (failure?.[0] === step ? `echo "${failure[1]}" >&2; exit 1` : '');
  return program(
    'python3',
    [
      'all="$*"; last=""; for word; do case "$before" in --dest) last="$word" ;; esac; before="$word"; done',
      'case "$all" in',
      `  *find_spec*) echo "${probe}" ;;`,
      '  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;',
      `  *" pip "*" download "*) mkdir -p "$last"; touch "$last/torch.whl"; case "$all" in *torch==*) echo "  Downloading torch-2.13.0-cp312-manylinux.whl (526.6 MB)" ;; esac; ${fail('download')} ;;`,
      `  *" pip "*" install "*) true; ${fail('install')} ;;`,
      '  *sysconfig*) echo "/platlib" ;;',
      '  "-m stand_ins "*) true ;;',
      `  *AutoModelForImageTextToText*) true; ${fail('trial')} ;;`,
      `  *importlib.metadata*) echo '${JSON.stringify(versions)}' ;;`,
      'esac',
    ].join('\n'),
  );
}

/** Calls without the scripts that they carry. */
const steps = ({ calls }: Scratch): string[] =>
  calls().flatMap(
    (line) => /(-m venv|pip .*(?:download|install)|stand_ins|AutoModelForImageTextToText)/.exec(line)?.[1] ?? [],
  );

const torchFiles = (): string[] => readdirSync(dirname(torchFolder('cpu'))).sort();

describe('setUpTorch', () => {
  test('makes the environment once: the second call runs nothing', async () => {
    const machine = scratch();
    fakePython(machine);
    const { said, say } = listener();
    const torch = await setUpTorch(say);
    const folder = torchFolder('cpu');
    expect(torch).toEqual({ path: join(folder, 'bin', 'python'), source: 'cache', kind: 'cpu', versions: VERSIONS });
    expect(folder).toMatch(new RegExp(`^${machine.cache}/torch/cpu-[0-9a-f]{12}$`));
    expect(existsSync(torch.path)).toBe(true);
    expect(torchFiles()).toEqual([folder.split('/').at(-1)]);
    expect(said).toEqual([
      expect.stringMatching(/^making a Python environment for torch, without CUDA \(.* GB on disk, once\)$/),
      'fetching torch (526.6 MB)',
      'installing (about a minute)',
      'trying it',
    ]);
    const count = machine.calls().length;
    expect(await setUpTorch(say)).toEqual(torch);
    expect(machine.calls()).toHaveLength(count);
  });

  test('fetches pins alone, installs without the network, and stands in for CUDA', async () => {
    const machine = scratch();
    fakePython(machine);
    await setUpTorch(() => undefined);
    const done = steps(machine).map((step) => step.split(' ').at(-1));
    expect(done).toEqual([
      'venv',
      'download',
      'download',
      'download',
      'install',
      'stand_ins',
      'AutoModelForImageTextToText',
    ]);
    const [torch, runtime, all, install] = machine.calls().filter((line) => line.includes(' pip '));
    // What is large is kept as soon as it is there.
    expect([torch, runtime]).toEqual([
      expect.stringMatching(/download .*--no-deps .*--dest \S+\.wheels torch==2\.13\.0$/),
      expect.stringMatching(/--dest \S+\.wheels nvidia-cuda-runtime==/),
    ]);
    expect(all).toMatch(/download .*--no-deps .*--dest \S+\.wheels -r \S+requirements-cpu\.txt$/);
    expect(install).toMatch(/install .*--no-deps --no-index --find-links \S+\.wheels -r \S+requirements-cpu\.txt$/);
  });

  test('takes CUDA’s libraries where the driver reports a GPU, unless the user refuses it', async () => {
    const machine = scratch();
    fakePython(machine);
    machine.program('nvidia-smi', 'echo "GPU 0: NVIDIA H200 (UUID: GPU-1)"');
    expect(await setUpTorch(() => undefined)).toMatchObject({ kind: 'gpu' });
    expect(steps(machine).includes('stand_ins')).toBe(false);
    expect(machine.calls().findLast((line) => line.includes(' download '))).toMatch(
      /-r \S+requirements-cpu\.txt -r \S+requirements-gpu\.txt$/,
    );
    vi.stubEnv('TIVE_GPU', '0');
    expect(await setUpTorch(() => undefined)).toMatchObject({ kind: 'cpu' });
    expect(cachedTorch()).toMatchObject({ kind: 'gpu' });
  });

  test.each<[FakePython['failure'] & object, string[]]>([
    [['download', 'ERROR: No matching distribution found for torch==2.13.0'], ['wheels']],
    [['install', 'ERROR: No space left on device'], ['wheels']],
    [['trial', 'OSError: libtorch_cuda.so: cannot open'], ['wheels']],
  ])('that fails, %j, leaves nothing that looks done, and what was fetched to the next', async (failure, left) => {
    const machine = scratch();
    fakePython(machine, { failure });
    await expect(setUpTorch(() => undefined)).rejects.toThrow(`must succeed, got ${failure[1]}`);
    expect(cachedTorch()).toBeNull();
    expect(torchFiles().map((name) => name.split('.')[1])).toEqual(left);
    fakePython(machine);
    expect(await setUpTorch(() => undefined)).toMatchObject({ kind: 'cpu' });
    expect(torchFiles()).toHaveLength(1);
  });

  test('leaves a Python that the user names as it is', async () => {
    const machine = scratch();
    vi.stubEnv('TIVE_PYTHON', fakePython(machine));
    expect(await setUpTorch(() => undefined)).toMatchObject({ source: 'TIVE_PYTHON', kind: null });
    expect(existsSync(machine.cache)).toBe(false);
  });

  test.each([
    ['none', null, 'got none'],
    ['too old', '3.9.2 whole', 'got python3 3.9.2'],
    ['too new', '3.15.0 whole', 'got python3 3.15.0'],
    ['without venv', '3.12.1 ensurepip', 'got python3 3.12.1 without ensurepip'],
  ])('says which Python it needs: %s', async (_, probe, got) => {
    const machine = scratch();
    if (probe !== null) fakePython(machine, { probe });
    const refusal = setUpTorch(() => undefined);
    await expect(refusal).rejects.toThrow(InvalidConfigError);
    await expect(refusal).rejects.toThrow(
      `setup: Python 3.11 to 3.14 with venv must be on PATH, ${got}; install one (Debian and Ubuntu: python3-venv), or set TIVE_PYTHON`,
    );
  });

  test('says how much disk it needs', () => {
    scratch();
    expect(() => requireDisk('cpu', 2.5e9)).not.toThrow();
    expect(() => requireDisk('gpu', 2.5e9)).toThrow(
      /cache must have 9\.0 GB free for torch, got 2\.5; make room, or set TIVE_CACHE to a folder of another disk$/,
    );
  });
});

describe('findTorch', () => {
  test('finds nothing where nothing was set up', async () => {
    scratch();
    expect([await findTorch(), cachedTorch(), torchEnvironment()]).toEqual([null, null, {}]);
  });

  test('takes the one that is named before that of the cache, which compute processes are told of', async () => {
    const machine = scratch();
    const named = fakePython(machine);
    const cached = await setUpTorch(() => undefined);
    expect([await findTorch(), torchEnvironment()]).toEqual([cached, { TIVE_PYTHON: cached.path }]);
    vi.stubEnv('TIVE_PYTHON', named);
    const torch = await findTorch();
    expect([torch, torchEnvironment()]).toEqual([
      { path: named, source: 'TIVE_PYTHON', kind: null, versions: VERSIONS },
      {},
    ]);
    expect(torchText(torch!)).toBe(`2.13.0, transformers 5.17.0, peft 0.21.2, Python 3.12.1 (TIVE_PYTHON: ${named})`);
    expect(torchText(cached)).toBe(
      `2.13.0, transformers 5.17.0, peft 0.21.2, Python 3.12.1, CPU (cache: ${cached.path})`,
    );
  });

  test('names what a Python lacks, what it has, and how to get it', async () => {
    const { torch, python, numpy, pillow, safetensors } = VERSIONS;
    const named = fakePython(scratch(), { versions: { torch, python, numpy, pillow, safetensors } });
    vi.stubEnv('TIVE_PYTHON', named);
    const refusal = findTorch();
    await expect(refusal).rejects.toThrow(InvalidConfigError);
    await expect(refusal).rejects.toThrow(
      `TIVE_PYTHON: ${named} must have torch, transformers, peft, safetensors, numpy, pillow, ` +
        'got python 3.12.1, torch 2.13.0, safetensors 0.8.0, numpy 2.4.6, pillow 13.0.0; ' +
        `${named} -m pip install transformers==5.17.0 peft==0.21.2, or unset TIVE_PYTHON and run \`tive setup torch\``,
    );
  });

  test('refuses a name that is no Python', async () => {
    scratch();
    vi.stubEnv('TIVE_PYTHON', '/no/such/python');
    await expect(findTorch()).rejects.toThrow(/^TIVE_PYTHON must name a Python, got \/no\/such\/python: .*ENOENT/);
  });
});

test('pins of the two files are exact, each package in one of them', () => {
  const engine = join(import.meta.dirname, '../../engines/torch');
  const lines = ['cpu', 'gpu'].flatMap((kind) =>
    readFileSync(join(engine, `requirements-${kind}.txt`), 'utf8')
      .split('\n')
      .filter((line) => /^[^#]/.test(line)),
  );
  expect(lines.filter((line) => !/^[a-z0-9_-]+==[0-9][0-9a-z.]*( ;.*)?$/.test(line))).toEqual([]);
  const names = lines.map((line) => line.split('==')[0]);
  expect(new Set(names).size).toBe(names.length);
});
