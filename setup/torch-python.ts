// The Python that the torch engine runs in: which there is, and what it has. Nothing is imported to find out.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { torchEngineFolder } from '../contracts/engine-folder.ts';
import { InvalidConfigError } from '../contracts/failures.ts';
import { isJsonObject } from '../contracts/json-object.ts';
import { machineFolder } from '../store/machine-folder.ts';
import { runProgram } from './commands.ts';

/** Packages without which the engine does not start. */
const NEEDED = ['torch', 'transformers', 'peft', 'safetensors', 'numpy', 'pillow'] as const;

/** What an environment of the cache is made for. */
export type TorchKind = 'cpu' | 'gpu';

/** A Python with torch. */
export interface TorchPython {
  /** Its program. */
  path: string;
  source: 'TIVE_PYTHON' | 'cache';
  /** What the cache's was made for; null for the user's own. */
  kind: TorchKind | null;
  /** Versions of `python` and of every package that the engine needs. */
  versions: Readonly<Record<string, string>>;
}

/** File of an environment that set-up has made, tried and found whole: its versions. */
export const TORCH_MARK = 'tive.json';

const STAND_INS = ['__main__.py', 'read_elf.py', 'write_elf.py'];

/** Pin files of an environment, to be installed without dependencies. */
export function torchPins(kind: TorchKind): string[] {
  const names = kind === 'cpu' ? ['requirements-cpu.txt'] : ['requirements-cpu.txt', 'requirements-gpu.txt'];
  return names.map((name) => join(torchEngineFolder(), name));
}

/** Where an environment of these pins lies, or will; one for the CPU is made by the code of the stand-ins too. */
export function torchFolder(kind: TorchKind): string {
  const hash = createHash('sha256');
  const code = kind === 'cpu' ? STAND_INS.map((name) => join(torchEngineFolder(), 'stand_ins', name)) : [];
  for (const path of [...torchPins(kind), ...code]) hash.update(readFileSync(path));
  return join(machineFolder('torch'), `${kind}-${hash.digest('hex').slice(0, 12)}`);
}

/** The program of an environment. */
export function pythonIn(folder: string): string {
  return process.platform === 'win32' ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
}

/** The environment that set-up has made in the cache, for GPUs first; null where there is none with these pins. */
export function cachedTorch(kinds: readonly TorchKind[] = ['gpu', 'cpu']): TorchPython | null {
  for (const kind of kinds) {
    try {
      const folder = torchFolder(kind);
      const mark: unknown = JSON.parse(readFileSync(join(folder, TORCH_MARK), 'utf8'));
      if (isJsonObject(mark))
        return { path: pythonIn(folder), source: 'cache', kind, versions: mark as Record<string, string> };
    } catch {
      // Not made yet.
    }
  }
  return null;
}

/** Environment of processes that may start the torch engine: which Python, where set-up knows one. */
export function torchEnvironment(): Record<string, string> {
  if (process.env['TIVE_PYTHON']) return {};
  const cached = cachedTorch();
  return cached === null ? {} : { TIVE_PYTHON: cached.path };
}

/** Tells the engine of this process which Python it runs in. Where none is set up nothing changes. */
export function useTorch(): void {
  Object.assign(process.env, torchEnvironment());
}

/**
 * The Python that `TIVE_PYTHON` names, else that of the cache; null where there is neither.
 * @throws InvalidConfigError where the one that is named lacks a package, with all that it has
 */
export async function findTorch(): Promise<TorchPython | null> {
  const named = process.env['TIVE_PYTHON'];
  if (named === undefined || named === '') return cachedTorch();
  const versions = await installedVersions(named).catch((error: Error) => {
    throw new InvalidConfigError(`TIVE_PYTHON must name a Python, got ${named}: ${error.message}`);
  });
  const missing = NEEDED.filter((name) => versions[name] === undefined);
  if (missing.length === 0) return { path: named, source: 'TIVE_PYTHON', kind: null, versions };
  const list = (names: readonly string[]): string => names.map((name) => `${name} ${versions[name] ?? '?'}`).join(', ');
  const found = ['python', ...NEEDED].filter((name) => versions[name] !== undefined);
  throw new InvalidConfigError(
    `TIVE_PYTHON: ${named} must have ${NEEDED.join(', ')}, got ${list(found)}; ` +
      `${named} -m pip install ${missing.map((name) => pinOf(name)).join(' ')}, or unset TIVE_PYTHON and run \`tive setup torch\``,
  );
}

/** What there is, in a line. */
export function torchText({ path, source, versions, kind }: TorchPython): string {
  const { torch, transformers, peft, python } = versions;
  const device = kind === null ? '' : kind === 'gpu' ? ', with CUDA' : ', CPU';
  return `${torch}, transformers ${transformers}, peft ${peft}, Python ${python}${device} (${source}: ${path})`;
}

/** Versions that a Python has, by its packages' metadata. */
export async function installedVersions(python: string): Promise<Record<string, string>> {
  const { stdout } = await runProgram(python, ['-c', VERSIONS, ...NEEDED]);
  return JSON.parse(stdout) as Record<string, string>;
}

const VERSIONS = `
import importlib.metadata as metadata, json, platform, sys
found = {"python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
`;

/** The release that the engine is tested with, as pip takes it. */
function pinOf(name: string): string {
  const [path] = torchPins('cpu');
  const pin = readFileSync(path!, 'utf8')
    .split('\n')
    .find((line) => line.startsWith(`${name}==`));
  return pin ?? name;
}
