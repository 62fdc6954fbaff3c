// Addresses and folders of what stages make.
import { createHash } from 'node:crypto';
import { STAGE_VERSIONS } from '../contracts/stages.ts';
import type { Stage } from '../contracts/stages.ts';

/** JSON of a plain value with sorted keys and without `undefined`: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries: [string, unknown][] = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}

/** Hex SHA-256 of text or bytes. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/**
 * Address of a stage's output: hash of the stage's name and version, of its inputs' hashes and of the part of the
 * config that it reads. Who computes it, when and where, is not in it.
 */
export function stageAddress(stage: Stage, determinants: object): string {
  return sha256(canonicalJson({ stage, version: STAGE_VERSIONS[stage], determinants })).slice(0, 40);
}

/** Folder of a finished artifact. */
export function artifactFolder(stage: Stage, address: string): string {
  return `artifacts/${stage}/${address}`;
}

/** Folder of what an unfinished stage has done so far; removed when the artifact is complete. */
export function checkpointFolder(stage: Stage, address: string): string {
  return `checkpoints/${stage}/${address}`;
}
