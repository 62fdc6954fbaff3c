// The torch engine's Python environment in the cache: made once, tried, then in place.
import { mkdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InvalidConfigError } from '../contracts/failures.ts';
import { torchEngineFolder } from '../contracts/engine-folder.ts';
import { cacheFolder } from '../store/machine-folder.ts';
import { withLock } from './cache.ts';
import { findProgram, runProgram } from './commands.ts';
import { listGpus } from './gpu.ts';
import {
  TORCH_MARK,
  cachedTorch,
  findTorch,
  installedVersions,
  pythonIn,
  torchFolder,
  torchPins,
} from './torch-python.ts';
import type { TorchKind, TorchPython } from './torch-python.ts';

/** Pythons that the pinned packages have wheels for. */
const OLDEST_MINOR = 11;
const NEWEST_MINOR = 14;
const PYTHONS = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.14', 'python'];

/** What an environment takes with its downloads, at most, and what it takes when it is made. */
const DISK_BYTES = { cpu: 2.5e9, gpu: 9e9 };
const SIZE_WORDS = { cpu: '0.6 GB to fetch, 1.6 GB on disk', gpu: '2.7 GB to fetch, 5 GB on disk' };

/** Downloads that are told of. */
const LARGE_DOWNLOAD = /^\s*Downloading (\S+?)-[^-]+-\S+ \((\d+(?:\.\d+)? MB|\d+(?:\.\d+)? GB)\)/;

/** Imports what the engine imports, and computes. */
const TRIAL = [
  'import torch',
  'from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor',
  'from peft import LoraConfig',
  'assert float(torch.ones(2, 2).matmul(torch.ones(2, 2)).sum()) == 8.0',
  'torch.cuda.is_available()',
].join('\n');

/**
 * Makes an environment with torch in the cache, once: nothing is done where `TIVE_PYTHON` names one, or where it is
 * there with the pins of this version. It is made under a temporary name and renamed when it has computed. What a
 * broken attempt has fetched is kept for the next.
 * @throws Error in words where there is no Python, no disk or no network
 */
export async function setUpTorch(say: (text: string) => void): Promise<TorchPython> {
  if (process.env['TIVE_PYTHON']) return (await findTorch())!;
  const gpuCount = process.env['TIVE_GPU'] === '0' ? 0 : (await listGpus()).length;
  const kind: TorchKind = gpuCount > 0 ? 'gpu' : 'cpu';
  const found = cachedTorch([kind]);
  if (found !== null) return found;
  return withLock('torch', async () => {
    const other = cachedTorch([kind]);
    if (other !== null) return other;
    await make(kind, say);
    return cachedTorch([kind])!;
  });
}

async function make(kind: TorchKind, say: (text: string) => void): Promise<void> {
  const folder = torchFolder(kind);
  await mkdir(dirname(folder), { recursive: true });
  const { bavail, bsize } = await statfs(dirname(folder));
  requireDisk(kind, bavail * bsize);
  const base = await requirePython();
  const [partial, wheels] = [`${folder}.partial`, `${folder}.wheels`];
  await rm(partial, { recursive: true, force: true });
  try {
    say(
      `making a Python environment for torch, ${kind === 'gpu' ? 'with' : 'without'} CUDA (${SIZE_WORDS[kind]}, once)`,
    );
    await runProgram(base, ['-m', 'venv', partial]);
    const python = pythonIn(partial);
    await install(python, kind, wheels, say);
    if (kind === 'cpu') await writeStandIns(python);
    say('trying it');
    await runProgram(python, ['-c', TRIAL]);
    await writeFile(join(partial, TORCH_MARK), JSON.stringify(await installedVersions(python)));
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
    await rm(wheels, { recursive: true, force: true });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** Fetches first, into a folder that a broken attempt leaves to the next one, and installs from there. */
async function install(python: string, kind: TorchKind, wheels: string, say: (text: string) => void): Promise<void> {
  const pins = torchPins(kind);
  const files = pins.flatMap((path) => ['-r', path]);
  const pip = ['-m', 'pip', '--disable-pip-version-check', '--no-input'];
  const download = [...pip, 'download', '--no-cache-dir', '--no-deps', '--only-binary=:all:', '--dest', wheels];
  const tell = (line: string): void => {
    const [, name, size] = LARGE_DOWNLOAD.exec(line) ?? [];
    if (name !== undefined) say(`fetching ${name} (${size})`);
  };
  // pip keeps what it fetches when a call ends, so what is large has a call of its own.
  for (const part of [...(await largePins(pins)).map((pin) => [pin]), files])
    await runProgram(python, [...download, ...part], process.env, tell);
  say('installing (about a minute)');
  await runProgram(python, [...pip, 'install', '--quiet', '--no-deps', '--no-index', '--find-links', wheels, ...files]);
}

/** Pins of the packages that are most of the download. */
async function largePins(pins: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(pins.map((path) => readFile(path, 'utf8')));
  return texts.flatMap((text) => text.split('\n').filter((line) => /^(torch|triton|nvidia-.*)==/.test(line)));
}

/** Libraries in the place of CUDA's, which torch's wheel for Linux names but a CPU never calls. */
async function writeStandIns(python: string): Promise<void> {
  const { stdout } = await runProgram(python, ['-c', 'import sysconfig; print(sysconfig.get_path("platlib"))']);
  const environment = { ...process.env, PYTHONPATH: torchEngineFolder() };
  await runProgram(python, ['-m', 'stand_ins', join(stdout.trim(), 'torch', 'lib')], environment);
}

/** A Python of a release that the pins have wheels for, and that can make environments. */
async function requirePython(): Promise<string> {
  const others: string[] = [];
  for (const name of PYTHONS) {
    const path = await findProgram(name);
    if (path === null) continue;
    const { stdout } = await runProgram(path, ['-c', PROBE]).catch(() => ({ stdout: 'broken' }));
    const [version = '', modules = ''] = stdout.trim().split(' ');
    const [major, minor] = version.split('.').map(Number);
    const fits = major === 3 && minor !== undefined && minor >= OLDEST_MINOR && minor <= NEWEST_MINOR;
    if (fits && modules === 'whole') return path;
    others.push(`${name} ${fits ? `${version} without ${modules}` : version}`);
  }
  const got = others.length === 0 ? 'none' : others.join(', ');
  throw new InvalidConfigError(
    `setup: Python 3.${OLDEST_MINOR} to 3.${NEWEST_MINOR} with venv must be on PATH, got ${got}; ` +
      'install one (Debian and Ubuntu: python3-venv), or set TIVE_PYTHON to a Python that has torch',
  );
}

const PROBE = `
import importlib.util as util, platform
missing = [name for name in ("venv", "ensurepip") if util.find_spec(name) is None]
print(platform.python_version(), "+".join(missing) or "whole")
`;

/** @throws InvalidConfigError where less is free than making an environment takes */
export function requireDisk(kind: TorchKind, freeBytes: number): void {
  if (freeBytes >= DISK_BYTES[kind]) return;
  const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);
  throw new InvalidConfigError(
    `setup: ${cacheFolder()} must have ${gigabytes(DISK_BYTES[kind])} GB free for torch, got ${gigabytes(freeBytes)}; ` +
      'make room, or set TIVE_CACHE to a folder of another disk',
  );
}
