// The folder of a run on this machine: result, report, log, and where it stands or runs.
import { chmod, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../contracts/config.ts';
import type { RunResult, StageProgress } from '../../contracts/messages/run.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { readManifest } from '../../store/artifacts.ts';
import { LocalStore } from '../../store/local-store.ts';
import type { Store } from '../../store/store.ts';
import { streamVerified } from '../../store/verified.ts';
import { markFormerExports } from './former-result.ts';

/** What a person finds of a run on this machine. */
export interface RunFolder {
  path: string;
  /** Writes one file, whole or not at all; it is its owner's alone, as the folder is. */
  write(name: string, content: string | Uint8Array): Promise<void>;
  /** Removes one file; nothing happens where there is none. */
  remove(name: string): Promise<void>;
  /** The stored result. @throws RangeError where the run has none yet, or one that cannot be read */
  result(): Promise<RunResult>;
  /** How far the last command got, or null where none has said so. */
  progress(): Promise<RecordedProgress | null>;
  /** The cluster that the run was started on, or null for one of this machine. */
  cluster(): Promise<ClusterPlace | null>;
}

/** Where a run stood when its command last looked: what is left of it when nobody answers any more. */
export interface RecordedProgress {
  stages: StageProgress[];
  /** Why it has failed, or null. */
  reason: string | null;
}

/** Where a run is that was started on a cluster. */
export interface ClusterPlace {
  address: string;
  namespace: string | null;
}

const RESULT_FILE = 'result.json';
/** Where the run stood when its command last looked. */
export const PROGRESS_FILE = 'progress.json';
const CLUSTER_FILE = 'cluster.json';
/** What a run has done, line by line. */
export const LOG_FILE = 'log.jsonl';
/** Rows that were set aside. */
export const QUARANTINE_FILE = 'quarantine.jsonl';

export function openRunFolder(outputDir: string, runName: string): RunFolder {
  const path = join(outputDir, runName);
  const files = new LocalStore(path, { isPrivate: true });
  return {
    path,
    write: async (name, content) => {
      await files.write(name, [typeof content === 'string' ? Buffer.from(content) : content]);
    },
    remove: (name) => rm(join(path, name), { force: true }),
    result: async () => {
      const text = await readFile(join(path, RESULT_FILE), 'utf8').catch(() => null);
      if (text === null) throw new RangeError(await withoutResult(path));
      const result = parsed<RunResult>(text);
      if (result !== null) return result;
      throw new RangeError(
        `${join(path, RESULT_FILE)}: must be a run's result, got ${text.length} letters that are none; tive run RECIPE makes it again`,
      );
    },
    progress: () => readJson<RecordedProgress>(join(path, PROGRESS_FILE)),
    cluster: () => readJson<ClusterPlace>(join(path, CLUSTER_FILE)),
  };
}

async function readJson<Value>(path: string): Promise<Value | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  return text === null ? null : parsed<Value>(text);
}

function parsed<Value>(text: string): Value | null {
  try {
    return JSON.parse(text) as Value;
  } catch {
    return null;
  }
}

async function withoutResult(path: string): Promise<string> {
  const isBegun = (await stat(join(path, LOG_FILE)).catch(() => null)) !== null;
  return isBegun
    ? `run: must have ended, got one that failed or was stopped, by ${join(path, LOG_FILE)}; tive run RECIPE goes on with it`
    : `run: must have a result, got none in ${path}; tive run RECIPE first`;
}

/** Makes the folder its owner's alone, whatever made it. */
export async function claimFolder({ path }: RunFolder): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  // A folder of somebody else's is theirs to open or close.
  await chmod(path, 0o700).catch(() => undefined);
}

export function recordProgress(folder: RunFolder, progress: RecordedProgress): Promise<void> {
  return folder.write(PROGRESS_FILE, `${JSON.stringify(progress)}\n`);
}

/** Remembers the cluster that a run is on; of a run of this machine there is none. */
export function recordCluster(folder: RunFolder, place: ClusterPlace | null): Promise<void> {
  return place === null ? folder.remove(CLUSTER_FILE) : folder.write(CLUSTER_FILE, `${JSON.stringify(place)}\n`);
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
 * Saves what a run has found: result, training steps, the rows that were set aside, and its report where there is one.
 * @param say is told what became of exports of an earlier selection
 * @returns place of the report, or null
 */
export async function saveResult(
  folder: RunFolder,
  store: Store,
  result: RunResult,
  say: (text: string) => void = () => undefined,
): Promise<string | null> {
  const { trainingMetrics } = await import('../send/training-metrics.ts');
  const { streamAllQuarantine } = await import('../../activities/report/quarantine-summary.ts');
  await claimFolder(folder);
  const moved = await markFormerExports(folder, result);
  if (moved !== null) say(moved);
  await folder.write(RESULT_FILE, `${JSON.stringify(result, null, 2)}\n`);
  const files = new LocalStore(folder.path, { isPrivate: true });
  await files.write('metrics.jsonl', trainingMetrics(store, result));
  if (result.report !== null) await copyFiles(store, result.report.report, files);
  else await files.write(QUARANTINE_FILE, streamAllQuarantine(store, result));
  return result.report === null ? null : join(folder.path, 'report.html');
}

/** Folder of a run by name, below the folder of the recipe's runs. */
export function runFolderOf(config: Config, runName: string): RunFolder {
  return openRunFolder(config.run.outputDir, runName);
}
