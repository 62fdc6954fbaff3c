// The native engine: its library found or fetched, its addon compiled, both tried.
import { createHash } from 'node:crypto';
import { access, copyFile, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../store/machine-folder.ts';
import { withLock } from './cache.ts';
import { findProgram, runProgram } from './commands.ts';
import { TENSORFLOW_VERSION, chooseEngine, cudaRequirement, libraryPath } from './engine-choice.ts';
import type { EngineChoice } from './engine-choice.ts';
import { listGpus } from './gpu.ts';
import { torchEnvironment } from './torch-python.ts';
import { unpackWheel } from './wheel.ts';

/** Node's binary interface that the addon is compiled for; every supported Node has it. */
const NAPI_VERSION = 8;
const ADDON_PACKAGE = '@tensorflow/tfjs-node-gpu';

/** What set-up found about the native engine. */
export interface EngineSetup {
  /** Folder of the TensorFlow library, or null where wasm is used. */
  tensorflowFolder: string | null;
  gpuCount: number;
  /** Variables that compute processes need before Node starts. */
  environment: Record<string, string>;
  /** Why wasm is used instead, in words; null where the native engine is there. */
  reason: string | null;
}

/** {@link prepareNativeEngine}, and where the torch engine's Python is, if there is one. */
export async function prepareEngine(say: (text: string) => void): Promise<EngineSetup> {
  const native = await prepareNativeEngine(say);
  return { ...native, environment: { ...native.environment, ...torchEnvironment() } };
}

/**
 * Makes the native engine ready, once: the TensorFlow library (`TIVE_TENSORFLOW_DIR`, else an installed `tensorflow`
 * of the right version, else its wheel), then one compiler call. Every step is skipped when it is done. A failure is no
 * error: the wasm engine is used and the reason is told.
 */
async function prepareNativeEngine(say: (text: string) => void): Promise<EngineSetup> {
  const refusesNative = process.env['TIVE_ENGINE'] === 'wasm';
  const gpus = await listGpus();
  const choice = chooseEngine({
    platform: process.platform,
    architecture: process.arch,
    gpuCount: gpus.length,
    refusesGpu: process.env['TIVE_GPU'] === '0',
  });
  const gpuCount = choice.usesGpu ? gpus.length : 0;
  const failed = (reason: string): EngineSetup => ({ tensorflowFolder: null, gpuCount: 0, environment: {}, reason });
  if (refusesNative) return failed('TIVE_ENGINE=wasm is set');
  if (choice.wheel === null) return failed(choice.reason ?? 'no library');
  try {
    // Without it the library, a large download, is of no use.
    addonFile();
    return await withLock('engine', async () => {
      const tensorflowFolder = await findTensorflow(choice, say);
      await installAddon(tensorflowFolder, choice, say);
      const environment = choice.usesGpu ? await cudaEnvironment(tensorflowFolder) : {};
      return { tensorflowFolder, gpuCount, environment, reason: null };
    });
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

async function findTensorflow(choice: EngineChoice, say: (text: string) => void): Promise<string> {
  const named = process.env['TIVE_TENSORFLOW_DIR'];
  if (named !== undefined && named !== '') {
    await requireLibraries(named, choice);
    return named;
  }
  const installed = await installedTensorflow();
  if (installed !== null && (await hasLibraries(installed, choice))) return installed;
  if (choice.usesGpu) return installGpuTensorflow(say);
  const folder = join(cacheFolder(), 'wheels', choice.wheel!.replace('==', '-'));
  if (!(await exists(folder))) say(`fetching ${choice.wheel} (about 270 MB, once)`);
  const library = join(await unpackWheel(choice.wheel!), 'tensorflow');
  await requireLibraries(library, choice);
  return library;
}

/** The folder of a `tensorflow` that Python has, if it is the release that the addon is compiled against. */
async function installedTensorflow(): Promise<string | null> {
  const python = await findProgram('python3', 'python');
  if (python === null) return null;
  const script = [
    'import importlib.metadata as m, importlib.util as u',
    's = u.find_spec("tensorflow")',
    'v = [d.version for n in ("tensorflow", "tensorflow-cpu") for d in m.distributions(name=n)]',
    `print(s.submodule_search_locations[0] if s and "${TENSORFLOW_VERSION}" in v else "")`,
  ].join('\n');
  const { stdout } = await runProgram(python, ['-c', script]).catch(() => ({ stdout: '' }));
  return stdout.trim() === '' ? null : stdout.trim();
}

/** TensorFlow with its CUDA libraries in a folder of the cache. */
async function installGpuTensorflow(say: (text: string) => void): Promise<string> {
  const target = join(cacheFolder(), 'wheels', `tensorflow-gpu-${TENSORFLOW_VERSION}`);
  if (!(await exists(target))) {
    const python = await findProgram('python3', 'python');
    if (python === null) throw new Error('setup: python3 must be on PATH to fetch TensorFlow for the GPU, got none');
    say(`fetching ${cudaRequirement()} (several GB, once)`);
    const partial = `${target}.${process.pid}.partial`;
    await rm(partial, { recursive: true, force: true });
    const options = ['--quiet', '--disable-pip-version-check', '--target', partial];
    try {
      await runProgram(python, ['-m', 'pip', 'install', ...options, cudaRequirement()]);
      await rename(partial, target);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  }
  return join(target, 'tensorflow');
}

async function cudaEnvironment(tensorflowFolder: string): Promise<Record<string, string>> {
  const base = join(dirname(tensorflowFolder), 'nvidia');
  const names = await readdir(base).catch(() => []);
  const folders: string[] = [];
  for (const name of names.sort()) if (await exists(join(base, name, 'lib'))) folders.push(join(base, name, 'lib'));
  return { LD_LIBRARY_PATH: libraryPath(folders, process.env['LD_LIBRARY_PATH']) };
}

/** Compiles the addon into the cache and puts it where its package looks for it. */
async function installAddon(
  tensorflowFolder: string,
  choice: EngineChoice,
  say: (text: string) => void,
): Promise<void> {
  const packageFile = addonFile();
  const addonFolder = dirname(packageFile);
  const { version } = JSON.parse(await readFile(packageFile, 'utf8')) as { version: string };
  const key = createHash('sha256')
    .update([version, tensorflowFolder, TENSORFLOW_VERSION, NAPI_VERSION, process.arch].join('\n'))
    .digest('hex')
    .slice(0, 16);
  const target = join(addonFolder, 'lib', `napi-v${NAPI_VERSION}`, 'tfjs_binding.node');
  const stamp = `${target}.tive`;
  if ((await readFile(stamp, 'utf8').catch(() => '')) === key && (await exists(target))) return;
  const built = join(cacheFolder(), 'engine', key, 'tfjs_binding.node');
  if (!(await exists(built))) {
    say('compiling the TensorFlow addon (about 15 s, once)');
    await compileAddon(addonFolder, tensorflowFolder, choice, built);
  }
  await mkdir(dirname(target), { recursive: true });
  await copyFile(built, `${target}.partial`);
  await rename(`${target}.partial`, target);
  await writeFile(stamp, key);
}

/** The addon's package.json. @throws Error where the package, an optional one, is not installed */
function addonFile(): string {
  try {
    return createRequire(import.meta.url).resolve(`${ADDON_PACKAGE}/package.json`);
  } catch {
    throw new Error(
      `setup: package ${ADDON_PACKAGE} must be installed, got none; npm install ${ADDON_PACKAGE} --ignore-scripts`,
    );
  }
}

async function compileAddon(
  addonFolder: string,
  tensorflowFolder: string,
  choice: EngineChoice,
  built: string,
): Promise<void> {
  const compiler = await findProgram(
    ...(process.env['CXX'] === undefined ? [] : [process.env['CXX']]),
    'g++',
    'clang++',
    'c++',
  );
  if (compiler === null) throw new Error('setup: a C++ compiler must be on PATH, got none of g++, clang++, c++');
  const { include_dir: nodeHeaders } = createRequire(import.meta.url)('node-api-headers') as { include_dir: string };
  const partial = `${built}.${process.pid}.partial`;
  await mkdir(dirname(built), { recursive: true });
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(addonFolder, 'binding', name));
  const libraries = choice.libraries.map((name) => join(tensorflowFolder, name));
  const platform = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  await runProgram(compiler, [
    '-O2',
    '-std=c++17',
    '-fPIC',
    '-shared',
    `-DNAPI_VERSION=${NAPI_VERSION}`,
    `-I${nodeHeaders}`,
    `-I${join(tensorflowFolder, 'include')}`,
    ...sources,
    '-o',
    partial,
    ...libraries,
    `-Wl,-rpath,${tensorflowFolder}`,
    ...platform,
  ]);
  await rename(partial, built);
}

async function hasLibraries(folder: string, choice: EngineChoice): Promise<boolean> {
  for (const name of choice.libraries) if (!(await exists(join(folder, name)))) return false;
  return true;
}

async function requireLibraries(folder: string, choice: EngineChoice): Promise<void> {
  if (await hasLibraries(folder, choice)) return;
  throw new Error(
    `setup: ${folder} must hold ${choice.libraries.join(' and ')}, got less; unset TIVE_TENSORFLOW_DIR or clear the cache`,
  );
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Loads the addon in a process of its own. @returns version of the library, or why it does not load, in words */
export async function probeEngine({
  environment,
}: EngineSetup): Promise<{ version: string | null; reason: string | null }> {
  const script = [
    "const util = require('node:util');",
    'util.isNullOrUndefined ??= (value) => value == null; util.isArray ??= Array.isArray;',
    `const load = require('node:module').createRequire(${JSON.stringify(import.meta.filename)});`,
    `const tf = load(${JSON.stringify(ADDON_PACKAGE)});`,
    "console.log('library ' + tf.backend().binding.TF_Version);",
  ].join('\n');
  try {
    const inherited = { ...process.env, ...environment, TF_CPP_MIN_LOG_LEVEL: '2' };
    const { stdout } = await runProgram(process.execPath, ['--input-type=commonjs', '-e', script], inherited);
    return { version: /library (.*)/.exec(stdout)?.[1] ?? 'unknown', reason: null };
  } catch (error) {
    return { version: null, reason: error instanceof Error ? error.message : String(error) };
  }
}
