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
  /** Temporal's own pages beside that server, or null where they are not served. */
  uiUrl: string | null;
}

/** A run by its name below the folder of runs, or by the path of its folder. */
export async function namedRun(run: string, runsFolder: string): Promise<NamedRun> {
  const path = run.includes('/') ? resolve(run) : resolve(runsFolder, run);
  const runName = basename(path);
  return { runName, folder: openRunFolder(dirname(path), runName), ...(await liveServer(path)) };
}

/** Where the embedded server of a running command listens. */
async function liveServer(path: string): Promise<Pick<NamedRun, 'address' | 'uiUrl'>> {
  try {
    const {
      address,
      pid,
      uiUrl = null,
    } = JSON.parse(await readFile(join(path, 'server.json'), 'utf8')) as {
      address: string;
      pid: number;
      uiUrl?: string | null;
    };
    process.kill(pid, 0);
    return { address, uiUrl };
  } catch {
    return { address: null, uiUrl: null };
  }
}
