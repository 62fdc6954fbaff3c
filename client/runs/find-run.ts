// A run by its name: the server it is on, and its handle.
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { openRunFolder } from './run-folder.ts';
import type { RunFolder } from './run-folder.ts';

/** A run as commands name it. */
export interface NamedRun {
  runName: string;
  folder: RunFolder;
  /** Server of the command that runs it now, or null. */
  address: string | null;
}

/** A run by its name below the folder of runs, or by the path of its folder. */
export async function namedRun(run: string, runsFolder: string): Promise<NamedRun> {
  const path = run.includes('/') ? resolve(run) : resolve(runsFolder, run);
  const runName = basename(path);
  return { runName, folder: openRunFolder(dirname(path), runName), address: await liveAddress(path) };
}

/** Where the embedded server of a running command listens. */
async function liveAddress(path: string): Promise<string | null> {
  try {
    const { address, pid } = JSON.parse(await readFile(join(path, 'server.json'), 'utf8')) as {
      address: string;
      pid: number;
    };
    process.kill(pid, 0);
    return address;
  } catch {
    return null;
  }
}
