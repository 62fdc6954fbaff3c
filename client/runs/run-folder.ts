// The folder of a run on this machine: result, report, log.
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../contracts/config.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { readManifest } from '../../store/artifacts.ts';
import { LocalStore } from '../../store/local-store.ts';
import type { Store } from '../../store/store.ts';
import { streamVerified } from '../../store/verified.ts';

/** What a person finds of a run on this machine. */
export interface RunFolder {
  path: string;
  /** Writes one file, whole or not at all. */
  write(name: string, content: string | Uint8Array): Promise<void>;
  /** Removes one file; nothing happens where there is none. */
  remove(name: string): Promise<void>;
  /** The stored result. @throws RangeError where the run has none yet */
  result(): Promise<RunResult>;
}

const RESULT_FILE = 'result.json';
/** What a run has done, line by line. */
export const LOG_FILE = 'log.jsonl';

export function openRunFolder(outputDir: string, runName: string): RunFolder {
  const path = join(outputDir, runName);
  const files = new LocalStore(path);
  return {
    path,
    write: async (name, content) => {
      await files.write(name, [typeof content === 'string' ? Buffer.from(content) : content]);
    },
    remove: (name) => rm(join(path, name), { force: true }),
    result: async () => {
      const text = await readFile(join(path, RESULT_FILE), 'utf8').catch(() => null);
      if (text === null) throw new RangeError(await withoutResult(path));
      return JSON.parse(text) as RunResult;
    },
  };
}

async function withoutResult(path: string): Promise<string> {
  const isBegun = (await stat(join(path, LOG_FILE)).catch(() => null)) !== null;
  return isBegun
    ? `run: must have ended, got one that failed or was stopped, by ${join(path, LOG_FILE)}; tive run RECIPE goes on with it`
    : `run: must have a result, got none in ${path}; tive run RECIPE first`;
}

/** Copies an artifact's files, verified, into a folder of the target. */
export async function copyFiles(
  store: Store,
  reference: ArtifactReference,
  target: Store,
  folder?: string,
): Promise<void> {
  const { files } = await readManifest(store, reference);
  for (const file of files) {
    const key = folder === undefined ? file.name : `${folder}/${file.name}`;
    await target.write(key, streamVerified(store, reference.uri, file));
  }
}

/**
 * Saves what a run has found, its training steps, and its report where there is one.
 * @returns place of the report, or null
 */
export async function saveResult(folder: RunFolder, store: Store, result: RunResult): Promise<string | null> {
  await folder.write(RESULT_FILE, `${JSON.stringify(result, null, 2)}\n`);
  const { trainingMetrics } = await import('../send/training-metrics.ts');
  const files = new LocalStore(folder.path);
  await files.write('metrics.jsonl', trainingMetrics(store, result));
  if (result.report === null) return null;
  await copyFiles(store, result.report.report, files);
  return join(folder.path, 'report.html');
}

/** Folder of a run by name, below the folder of the recipe's runs. */
export function runFolderOf(config: Config, runName: string): RunFolder {
  return openRunFolder(config.run.outputDir, runName);
}
